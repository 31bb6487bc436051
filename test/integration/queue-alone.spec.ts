import { Controller, Logger, type INestMicroservice } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { QueuePattern, QueueService, type RedisLocation } from '../../lib/index.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const gates = new Map<string, () => void>();

@Controller()
class AloneController {
  @QueuePattern('held', { attempts: 3 })
  held(@Payload() key: string): Promise<void> {
    return new Promise((resolve) => gates.set(key, resolve));
  }

  @QueuePattern('limited', { attempts: 3, rateLimit: { max: 1, perMs: 1_500 } })
  limited(): number {
    return performance.now();
  }

  @QueuePattern('quick')
  quick(@Payload() data: unknown): unknown {
    return data;
  }
}

let options: { service: string; redis: RedisLocation };

beforeEach(async () => {
  Logger.overrideLogger(false);
  gates.clear();
  options = { service: uniqueService('alone'), redis: await testRedis() };
});

/** All that waits, as if its worker had died twice. */
async function markLost(app: INestMicroservice, count = 1): Promise<void> {
  const { keys, redis } = app.get(HydraInstance);
  const { waiting, state } = createQueueKeys(keys, options.service);
  // One may have woken the worker before it heard of the pause: it comes back.
  const isThere = async () => (await redis.commands.llen(waiting)) === count;
  await eventually(isThere, { what: 'all to wait' });
  for (const raw of await redis.commands.lrange(waiting, 0, -1)) {
    await redis.commands.hset(state, raw, '{"lost":2}');
  }
}

describe('a job that runs alone, since its worker died twice', () => {
  it('keeps its worker from others, and these from nothing: another worker has them', async () => {
    const { app } = await startService(options, [AloneController]);
    const queue = app.get(QueueService);
    await queue.pause();
    const held = await Promise.all(['a', 'b'].map((key) => queue.add('held', key)));
    await markLost(app, 2);
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

  it('does not keep its worker from others for as long as another job lasts', async () => {
    const worker = await startService(options, [AloneController]);
    const { app } = worker;
    const queue = app.get(QueueService);
    const long = await queue.add('held', 'long');
    await eventually(() => gates.has('long'), { what: 'the long one to run' });
    await queue.pause();
    const alone = await queue.add('held', 'alone');
    await markLost(app);
    await queue.resume();
    await eventually(async () => (await queue.counts()).active === 2, { what: 'it to wait' });

    expect(await queue.add('quick', 1).result({ timeoutMs: 20_000 })).toBe(1);
    expect([...gates.keys()]).toEqual(['long']);
    gates.get('long')!();
    await long.result();
    await eventually(() => gates.has('alone'), { what: 'it to run', timeoutMs: 20_000 });
    gates.get('alone')!();
    await alone.result();
    await worker.close();
  }, 60_000);

  it('keeps to the rate limit of its pattern', async () => {
    const worker = await startService(options, [AloneController]);
    const { app } = worker;
    const queue = app.get(QueueService);
    const first = await queue.add<number>('limited', {}).result();
    await queue.pause();
    const job = await queue.add<number>('limited', {});
    await markLost(app);
    await queue.resume();
    const second = await job.result({ timeoutMs: 20_000 });
    expect(second - first).toBeGreaterThan(1_000);
    await worker.close();
  }, 30_000);
});
