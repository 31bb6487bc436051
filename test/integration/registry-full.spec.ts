import { Controller, Logger } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class MathController {
  @MessagePattern('sum')
  sum(): number {
    return 6;
  }
}

let url: string;
let admin: Redis;

beforeAll(async () => {
  Logger.overrideLogger(false);
  ({ url } = await startPrivateRedis());
  admin = new Redis(url);
  atEnd(() => admin.disconnect());
});

/** From here on Redis refuses whatever needs memory. */
async function fillUp(): Promise<void> {
  await admin.config('SET', 'maxmemory-policy', 'noeviction');
  await admin.config('SET', 'maxmemory', '1');
  await expect(admin.set('anything', 'more')).rejects.toThrow('OOM');
}

async function makeRoom(): Promise<void> {
  await admin.config('SET', 'maxmemory', '0');
}

describe('while Redis is full', () => {
  it('instances stay registered for longer than a presence lives, and answer calls', async () => {
    const service = uniqueService('full');
    await startService({ service, redis: url }, [MathController]);
    const client = new HydraClient({ service, redis: url, timeoutMs: 2_000 });
    atEnd(() => client.close());
    await firstValueFrom(client.send('sum', []));
    await fillUp();
    try {
      const [presence = ''] = await admin.keys(`hydra:service:${service}:*:presence`);
      const endsAt = async () => performance.now() + (await admin.pttl(presence));
      // A presence lives for three seconds, and is renewed every second.
      for (let renewed = 0; renewed < 5; renewed++) {
        const before = await endsAt();
        await eventually(async () => (await endsAt()) > before + 500, { what: 'a renewed presence' });
      }
      await expect(firstValueFrom(client.send('sum', []))).resolves.toBe(6);
    } finally {
      await makeRoom();
    }
  });

  it('a new instance registers, and is found, where Redis takes its subscriptions', async () => {
    const service = uniqueService('newcomer');
    // From 8.6 on it does not.
    const takesNone = JSON.stringify(await admin.call('COMMAND', 'INFO', 'subscribe')).includes('denyoom');
    await fillUp();
    try {
      if (takesNone) {
        const refused = startService({ service, redis: url }, [MathController]);
        await expect(refused).rejects.toThrow(/SUBSCRIBE: Redis refused .*OOM/);
        return;
      }
      await startService({ service, redis: url }, [MathController]);
      const client = new HydraClient({ service, redis: url, timeoutMs: 2_000 });
      atEnd(() => client.close());
      await expect(firstValueFrom(client.send('sum', []))).resolves.toBe(6);
      await expect(admin.sismember('hydra:service:directory', service)).resolves.toBe(1);
    } finally {
      await makeRoom();
    }
  });
});
