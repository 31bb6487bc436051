import { Controller, Logger } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';

import { HydraJobContext, QueuePattern, QueueService } from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let untilAway: Promise<void>;
const told: string[] = [];

@Controller()
class NotingController {
  @QueuePattern('noting', { attempts: 1 })
  async work(@Ctx() job: HydraJobContext): Promise<string> {
    told.push('begun');
    await untilAway;
    await job.progress(50);
    await job.log('half of it');
    told.push('noted');
    return 'done';
  }
}

describe('a job that notes its progress while Redis is away', () => {
  it('goes on, and completes in its only attempt', async () => {
    Logger.overrideLogger(false);
    const [service, redis] = [uniqueService('away'), await testRedisUrl()];
    const proxy = await startProxy(redis);
    // Its lease outlasts the test.
    const connection = { commandTimeoutMs: 200 };
    await startService({ service, redis: proxy.url, connection, presence: { ttlMs: 60_000 } }, [
      NotingController,
    ]);
    const { app } = await startCaller({ service: uniqueService('adder'), redis }, []);
    let away = (): void => undefined;
    untilAway = new Promise((resolve) => (away = resolve));
    const job = await app.get(QueueService).add<string>('noting', 1, { service });
    const result = job.result({ timeoutMs: 60_000 });
    await eventually(() => told.includes('begun'), { what: 'the job to begin' });
    proxy.freeze();
    away();
    await eventually(() => told.includes('noted'), { what: 'the job to go on', timeoutMs: 30_000 });
    proxy.thaw();
    expect(await result).toBe('done');
    expect(await app.get(QueueService).get(job.id, { service })).toMatchObject({
      state: 'completed',
      attempts: 1,
    });
  }, 90_000);
});
