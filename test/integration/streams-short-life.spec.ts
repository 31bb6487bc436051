import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { StreamPattern, StreamService } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { allow } from '../support/own-user.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('short');
const begun = new Map<number, number>();
let ended = 0;

@Controller()
class Slow {
  @StreamPattern(stream, { concurrency: 20 })
  async handle(@Payload() n: number): Promise<void> {
    begun.set(n, (begun.get(n) ?? 0) + 1);
    await sleep(1_500);
    ended++;
  }
}

describe('an instance with a short presence.ttlMs', () => {
  it('keeps what it has in hand for as long as it is alive', async () => {
    const presence = { intervalMs: 100, ttlMs: 300 };
    const options = {
      service: allow(uniqueService(), { consumes: [stream] }),
      redis: await testRedis(),
      presence,
    };
    const one = await startService(options, [Slow]);
    const two = await startService(options, [Slow]);
    const streams = one.app.get(StreamService);
    // A machine that stands still for a moment may cost a round; instances that renew their signs too late cost each.
    for (let round = 0; round < 5; round++) {
      begun.clear();
      ended = 0;
      for (let n = 0; n < 10; n++) await streams.publish(stream, n);
      await eventually(() => begun.size === 10 && ended >= 10, { what: 'the handlers', timeoutMs: 20_000 });
      if ([...begun.values()].every((times) => times === 1)) break;
    }
    expect(Math.max(...begun.values())).toBe(1);
    await Promise.all([one.close(), two.close()]);
  }, 120_000);
});
