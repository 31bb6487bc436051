import { Controller, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { QueuePattern, QueueService } from '../../lib/index.js';
import { createQueueKeys } from '../../lib/queue/queue.keys.js';
import { HydraInstance } from '../../lib/transport/hydra.instance.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const gates = new Map<string, () => void>();

@Controller()
class AloneController {
  @QueuePattern('held', { attempts: 3 })
  held(@Payload() key: string): Promise<void> {
    return new Promise((resolve) => gates.set(key, resolve));
  }

  @QueuePattern('quick')
  quick(@Payload() data: unknown): unknown {
    return data;
  }
}

describe('a job that runs alone, since its worker died twice', () => {
  it('keeps its worker from others, and these from nothing: another worker has them', async () => {
    Logger.overrideLogger(false);
    const options = { service: uniqueService('alone'), redis: await testRedisUrl() };
    const { app } = await startService(options, [AloneController]);
    const queue = app.get(QueueService);
    const { keys, redis } = app.get(HydraInstance);
    const { waiting, state } = createQueueKeys(keys, options.service);
    await queue.pause();
    const held = await Promise.all(['a', 'b'].map((key) => queue.add('held', key)));
    for (const raw of await redis.commands.lrange(waiting, 0, -1)) {
      await redis.commands.hset(state, raw, '{"lost":2}');
    }
    const quick = await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ pattern: 'quick', data: n })));
    await queue.resume();

    await eventually(() => gates.size === 1, { what: 'the first to run' });
    await eventually(async () => (await queue.counts()).active === 1, { what: 'the others to be given up' });
    const other = await startService(options, [AloneController]);
    await eventually(() => gates.size === 2, { what: 'the second to run elsewhere' });
    for (const release of gates.values()) release();
    await Promise.all([...held, ...quick].map((job) => job.result()));
    expect(await queue.deadLetters()).toEqual([]);
    await other.close();
  }, 30_000);
});
