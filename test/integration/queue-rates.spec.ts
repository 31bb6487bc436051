import { Controller, Logger } from '@nestjs/common';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { QueuePattern, QueueService } from '../../lib/index.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class Work {
  @QueuePattern('work')
  work(): void {}

  @QueuePattern('fail', { attempts: 1 })
  fail(): void {
    throw new Error('no stock');
  }
}

const service = uniqueService('rated');

beforeAll(() => Logger.overrideLogger(false));

/** The instant of Redis, in milliseconds. */
async function now(): Promise<number> {
  const [seconds, micros] = await connectTo(await testRedisUrl()).time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

describe('the rates of a queue', () => {
  it('tell how many jobs complete, and how many are given up', async () => {
    const { app } = await startService({ service, redis: await testRedisUrl() }, [Work]);
    const queues = app.get(QueueService);
    expect(await queues.rates()).toEqual({ completedPerS: 0, failedPerS: 0 });
    await queues.addBulk(Array.from({ length: 20 }, () => ({ pattern: 'work', data: {} })));
    await queues.addBulk(Array.from({ length: 5 }, () => ({ pattern: 'fail', data: {} })));
    const before = await now();
    await eventually(
      async () => {
        const { completed, dead } = await queues.counts();
        return completed === 20 && dead === 5;
      },
      { what: 'their ends' },
    );
    const rates = await queues.rates();
    // Where it took so long that some are too old by now, there is nothing to compare.
    const isAll = (await now()) - before < 9_000;
    expect(rates).toEqual(isAll ? { completedPerS: 2, failedPerS: 0.5 } : expect.anything());
  });

  it('are those of the time of which all outcomes are kept', async () => {
    const name = uniqueService('busy');
    const { app } = await startService({ service: name, redis: await testRedisUrl() }, []);
    const { finished, died } = createQueueKeys(app.get(HydraInstance).keys, name);
    const redis = connectTo(await testRedisUrl());
    const at = await now();
    // Two hundred in the last second and none before: those before were forgotten.
    for (let n = 0; n < 200; n++) await redis.zadd(finished, at - n * 5, `job-${n}`);
    for (let n = 0; n < 50; n++) await redis.zadd(died, at - n * 1_000, `job-${n}`);
    const { completedPerS, failedPerS } = await app.get(QueueService).rates({ service: name });
    const overMs = (await now()) - (at - 995);
    expect(completedPerS).toBeLessThanOrEqual(201);
    expect(completedPerS).toBeGreaterThanOrEqual(Math.floor(200_000 / overMs));
    expect(failedPerS).toBeGreaterThan(0.5);
    expect(failedPerS).toBeLessThanOrEqual(1.1);
  });
});
