import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';

import { QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startCaller } from '../support/app.js';
import type { Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { WorkerFleet } from './worker.fleet.js';

const DELAY_MS = 6_000;
const LATER = { queue: 'later' };
const PATIENCE = { timeoutMs: 60_000 };

describe('two workers that rest until a delayed job is due', () => {
  let app: INestApplicationContext;
  let queue: QueueService;
  let fleet: WorkerFleet;
  let keys: QueueKeys;

  beforeAll(async () => {
    const redis = await startPrivateRedis();
    const service = uniqueService('resting');
    ({ app } = await startCaller({ service, redis: redis.url }, []));
    queue = app.get(QueueService);
    keys = createQueueKeys(app.get(HydraInstance).keys, service, 'later');
    fleet = new WorkerFleet({ SERVICE: service, REDIS: redis.url, LATER: '1' });
  }, 60_000);
  afterAll(async () => {
    for (const worker of fleet.workers) await worker.kill();
    await app.close();
  });

  const redis = () => app.get(HydraInstance).redis.commands;

  /** Nobody looks for dead workers, as after a job. */
  const untilRest = () =>
    eventually(async () => (await redis().exists(keys.busy)) === 0, { what: 'a rest', ...PATIENCE });

  /** The one with a timer for what is due next. */
  async function keeper(): Promise<Child> {
    const id = (await redis().get(keys.alarm))?.split(' ')[1];
    for (const worker of fleet.workers) if ((await worker.ready)['instance'] === id) return worker;
    throw new Error(`nobody has a timer: ${id}`);
  }

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'one of whom gets %s: the other sees to it soon',
    async (signal) => {
      await fleet.addMany(2 - fleet.workers.size);
      await untilRest();
      const job = await queue.add('later', 1, { ...LATER, delayMs: DELAY_MS });
      const dueAt = performance.now() + DELAY_MS;
      const worker = await eventually(keeper, { what: 'a timer' });
      expect(performance.now()).toBeLessThan(dueAt);
      await worker.kill(signal);
      fleet.workers.delete(worker);
      await job.result({ timeoutMs: 60_000 });
      const lateMs = performance.now() - dueAt;
      expect(lateMs).toBeLessThan(scaled(2_000, dueAt));
      const runs = () => fleet.said('done').filter((id) => id === job.id).length;
      await eventually(() => runs() > 0, { what: 'the worker to say so' });
      expect(runs()).toBe(1);
    },
    120_000,
  );
});
