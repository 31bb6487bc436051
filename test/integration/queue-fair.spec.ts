import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { QueuePattern, QueueService, type HydraOptions } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { WakeUpListener } from '../../lib/queue/waking/wake-up-listener.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService, type TestService } from '../support/app.js';
import { allow } from '../support/own-user.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let started: number[] = [];
const gates: (() => void)[] = [];

@Controller()
class FairController {
  @QueuePattern('limited', { concurrency: 10, rateLimit: { max: 4, perMs: 200 } })
  async limited(@Payload() n: number): Promise<void> {
    started.push(n);
    await sleep(100);
  }

  @QueuePattern('seldom', { concurrency: 10, rateLimit: { max: 1, perMs: 3_600_000 } })
  seldom(): void {}

  @QueuePattern('held', { concurrency: 1, attempts: 3 })
  held(): Promise<void> {
    return new Promise((resolve) => gates.push(resolve));
  }

  @QueuePattern('quick', { concurrency: 5 })
  quick(@Payload() data: unknown): unknown {
    return data;
  }
}

let options: HydraOptions & { service: string };

beforeEach(async () => {
  Logger.overrideLogger(false);
  started = [];
  options = { service: uniqueService('fair'), redis: await testRedis() };
});

afterEach(() => {
  for (const release of gates.splice(0)) release();
});

const start = (count: number): Promise<TestService[]> =>
  Promise.all(Array.from({ length: count }, () => startService(options, [FairController])));

describe('a rate limit', () => {
  it('is kept in the order of the jobs, by several workers too', async () => {
    const workers = await start(4);
    const queue = workers[0]!.app.get(QueueService);
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    await queue.addBulk(numbers.map((data) => ({ pattern: 'limited', data })));
    await eventually(() => started.length === 40, { what: 'all', timeoutMs: 20_000 });
    // Two that are taken in the same moment may start in either order.
    started.forEach((n, at) => expect(Math.abs(n - at)).toBeLessThanOrEqual(8));
    await Promise.all(workers.map((worker) => worker.close()));
  }, 30_000);
});

describe('five thousand jobs that have to wait', () => {
  it.each(['seldom', 'held'])(
    'for a pattern without room (%s) hold up no job of another pattern',
    async (pattern) => {
      const [worker] = await start(1);
      const queue = worker!.app.get(QueueService);
      await queue.addBulk(Array.from({ length: 5_000 }, (_, data) => ({ pattern, data })));
      const from = performance.now();
      expect(await queue.add('quick', 1).result({ timeoutMs: 10_000 })).toBe(1);
      console.log(`behind 5,000 "${pattern}": ${Math.round(performance.now() - from)} ms`);
      // What waits is still in its order, and nothing got lost.
      const { waiting, active, completed } = await queue.counts();
      expect(waiting + active + completed).toBe(5_001);
      expect((await queue.list('waiting', { limit: 3 })).map(({ data }) => data)).toEqual([1, 2, 3]);
      for (const release of gates.splice(0)) release();
      await worker!.close();
    },
    30_000,
  );
});

describe('two jobs that were lost with their worker', () => {
  it('hold up the starts of a living one for their share at most, and health says so', async () => {
    const [worker] = await start(1);
    const { app } = worker!;
    const queue = app.get(QueueService);
    await queue.add('held', 'long');
    await eventually(() => gates.length === 1, { what: 'the long job' });
    const { keys, redis } = app.get(HydraInstance);
    const names = createQueueKeys(keys, options.service);
    await queue.pause();
    await queue.addBulk(['a', 'b'].map((data) => ({ pattern: 'quick', data: { suspect: data } })));
    const raws = await eventually(
      async () => {
        const all = await redis.commands.lrange(names.waiting, 0, -1);
        return all.length === 2 ? all : undefined;
      },
      { what: 'both to wait' },
    );
    for (const raw of raws) await redis.commands.hset(names.state, raw, '{"lost":2}');
    await queue.resume();
    const { health } = app.get(HydraInstance);
    let warned = '';
    let slowest = 0;
    const until = performance.now() + 5_000;
    while (performance.now() < until) {
      const from = performance.now();
      const looks = setInterval(() => (warned ||= health.collect().warnings.join()), 100);
      await queue.add('quick', 1).result({ timeoutMs: 10_000 });
      clearInterval(looks);
      slowest = Math.max(slowest, performance.now() - from);
    }
    // It waits for two seconds to be alone, and then others have eight.
    expect(slowest).toBeLessThan(5_000);
    expect(warned).toContain('a job that was lost with its worker runs alone, or waits to');
    gates[0]!();
    const isOver = async () => (await queue.counts()).delayed === 0;
    await eventually(isOver, { what: 'both to run', timeoutMs: 30_000 });
    await worker!.close();
  }, 60_000);
});

describe('one job', () => {
  it.each(['plain', 'high', 'delayed'])(
    'wakes two of ten idle workers at most (%s)',
    async (kind) => {
      const instances = Array.from({ length: 10 }, () => new HydraInstance(resolveOptions(options)));
      await Promise.all(instances.map((instance) => instance.open()));
      const { keys, redis } = instances[0]!;
      const names = createQueueKeys(keys, options.service);
      let rings = 0;
      const doorbells = instances.map((instance) => {
        const listener = { wake: () => rings++, chosen: () => undefined, cancelled: () => undefined };
        return new WakeUpListener(instance, names, listener);
      });
      await Promise.all(doorbells.map((doorbell) => doorbell.open()));
      for (const doorbell of doorbells) doorbell.wait(undefined, true);
      await redis.commands.hset(names.idle, ...instances.flatMap(({ id }) => [id, '\nquick\n']));
      await sleep(300);
      const adder = await startService(
        { ...options, service: allow(uniqueService('adder'), { queues: [options.service] }) },
        [],
      );
      const settings = { plain: {}, high: { priority: 'high' }, delayed: { delayMs: 60_000 } } as const;
      await adder.app
        .get(QueueService)
        .add('quick', 1, { service: options.service, ...settings[kind as keyof typeof settings] });
      await eventually(() => rings > 0, { what: 'one to wake' });
      await sleep(300);
      expect(rings).toBeLessThanOrEqual(2);
      for (const doorbell of doorbells) doorbell.close();
      await adder.close();
      await Promise.all(instances.map((instance) => instance.close()));
    },
    60_000,
  );
});

describe('a worker whose handlers are full', () => {
  it('asks for no more jobs until there is room', async () => {
    const { url } = await startPrivateRedis();
    const { app, close } = await startService({ ...options, redis: url }, [FairController]);
    const queue = app.get(QueueService);
    await queue.addBulk(Array.from({ length: 200 }, (_, data) => ({ pattern: 'held', data })));
    await eventually(() => gates.length === 1, { what: 'the first' });
    const { commands } = app.get(HydraInstance).redis;
    const scripts = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await commands.info('commandstats'))?.[1]);
    const before = await scripts();
    await sleep(3_000);
    // Seven a second: its presence, its leases and the upkeep.
    expect((await scripts()) - before).toBeLessThan(90);
    await queue.drain();
    gates.splice(0)[0]!();
    await close();
  }, 30_000);
});
