import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class SlowController {
  @MessagePattern('slow')
  async slow(ms: number): Promise<string> {
    await sleep(ms);
    return 'done';
  }
}

describe('calls in progress while Redis is away for 3 seconds', () => {
  it('get their answers, although their instance comes back later than their caller', async () => {
    const redis = await startPrivateRedis();
    const service = uniqueService('slow');
    const connection = { maxReconnectDelayMs: 1_800 };
    await startService({ service, redis: redis.url, connection }, [SlowController]);
    // The caller is back within a moment, and asks after its calls at once.
    const client = new HydraClient({ service, redis: redis.url, connection: { maxReconnectDelayMs: 40 } });
    await client.connect();
    await eventually(() => client.instances.length === 1, { what: 'the instance' });
    const calls = Array.from({ length: 30 }, (_, n) => firstValueFrom(client.send('slow', 4_000 + n * 50)));
    const outcomes = Promise.allSettled(calls);
    await sleep(200);
    await redis.kill9();
    await sleep(3_000);
    await redis.restart();
    const failed = (await outcomes).filter(({ status }) => status === 'rejected');
    expect(failed).toEqual([]);
    await client.close();
  }, 40_000);
});
