import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { RedisClock } from '../../lib/queue/model/redis-clock.js';
import { RestingQueues } from '../../lib/queue/waking/resting-queues.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

/** Between two jobs of the pattern that is limited. */
const PER_MS = 8_000;
/** Nobody looks for dead workers any more after two of these and two seconds. */
const TTL_MS = 1_000;
const RESTING = { queue: 'resting' };
const PATIENCE = { timeoutMs: 30_000 };

const ran: { readonly data: unknown; readonly at: number }[] = [];

@Controller()
class RestingController {
  @QueuePattern('limited', { ...RESTING, rateLimit: { max: 1, perMs: PER_MS } })
  limited(data: unknown): void {
    ran.push({ data, at: performance.now() });
  }

  @QueuePattern('plain', RESTING)
  plain(data: unknown): unknown {
    return data;
  }
}

async function start(workers: number) {
  ran.length = 0;
  const redis = await startPrivateRedis();
  const options = {
    service: uniqueService('resting'),
    redis: redis.url,
    presence: { intervalMs: 300, ttlMs: TTL_MS },
  };
  const services = [];
  for (let n = 0; n < workers; n++) services.push(await startService(options, [RestingController]));
  const { app } = await startCaller(options, []);
  const instance = app.get(HydraInstance);
  const keys = createQueueKeys(instance.keys, options.service, 'resting');
  return { services, queue: app.get(QueueService), instance, keys, redis: instance.redis.commands };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Two jobs, of which one may begin at once; resolves when the workers rest, with the instant at which the other may. */
async function limitedPair({ queue, redis, keys }: Started): Promise<number> {
  await queue.addBulk([1, 2].map((data) => ({ pattern: 'limited', data, ...RESTING })));
  await eventually(() => ran.length === 1, { what: 'the first' });
  await eventually(async () => (await redis.exists(keys.busy)) === 0, { what: 'a rest', ...PATIENCE });
  expect(performance.now()).toBeLessThan(ran[0]!.at + PER_MS);
  return ran[0]!.at + PER_MS;
}

async function expectInTime(dueAt: number): Promise<void> {
  await eventually(() => ran.length === 2, { what: 'the second', ...PATIENCE });
  expect(ran[1]!.at - dueAt).toBeLessThan(scaled(2_000, dueAt));
}

beforeAll(() => Logger.overrideLogger(false));

describe('workers that rest', () => {
  it('take a job that a rate limit held back in time, although the one that waited for it stops', async () => {
    const started = await start(2);
    const dueAt = await limitedPair(started);
    const keeper = (await started.redis.get(started.keys.alarm))?.split(' ')[1];
    const stopped = started.services.find(({ app }) => app.get(HydraInstance).id === keeper);
    await stopped!.close();
    await expectInTime(dueAt);
  }, 90_000);

  it('take it in time, although their connection was lost meanwhile', async () => {
    const started = await start(1);
    const dueAt = await limitedPair(started);
    const { commands } = started.services[0]!.app.get(HydraInstance).redis;
    await started.redis.client('KILL', 'ID', String(await commands.client('ID')));
    await expectInTime(dueAt);
  }, 90_000);

  it.each([
    [
      'a message to it was lost',
      ({ redis, keys, services }: Started) => redis.hdel(keys.idle, services[0]!.app.get(HydraInstance).id),
    ],
    ['Redis was emptied', ({ redis }: Started) => redis.flushall()],
  ])(
    'are woken again by each job after %s',
    async (_what, act) => {
      const started = await start(1);
      const took = async () => {
        const from = performance.now();
        await started.queue.add('plain', 1, RESTING).result({ timeoutMs: 20_000 });
        return performance.now() - from;
      };
      await took();
      await act(started);
      // The first is found by a look.
      await took();
      const from = performance.now();
      const times: number[] = [];
      for (let n = 0; n < 10; n++) times.push(await took());
      expect(times.toSorted((a, b) => a - b)[5]).toBeLessThan(scaled(150, from));
    },
    90_000,
  );

  it('see what is due by a clock of Redis that was set forward', async () => {
    const { instance, redis, keys } = await start(0);
    const redisClock = new RedisClock(instance.clock);
    const [seconds] = await redis.time();
    const now = Number(seconds) * 1_000;
    // As it knows it from before that: a minute behind.
    redisClock.set(now - 60_000, instance.clock.monotonic());
    let isAwake = false;
    const worker = {
      isResting: true,
      restKeys: [keys.waiting],
      dueKeys: [keys.delayed, keys.ticks],
      exchangedAt: now - 60_000,
      heardTime: (redisMs: number, askedAt: number) => {
        redisClock.advance(redisMs, askedAt);
        return redisClock.now();
      },
      rested: () => undefined,
      restingSince: 0,
      beat: async () => undefined,
      awake: () => (isAwake = true),
    };
    await redis.zadd(keys.delayed, now - 1_000, 'job');
    const looks = new RestingQueues(instance, [worker]);
    looks.open();
    await eventually(() => isAwake, { what: 'the worker to wake' });
    looks.close();
  });
});
