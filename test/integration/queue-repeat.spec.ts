import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { HydraJobContext, QueuePattern, QueueService, type RepeatOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const PATIENCE = { timeoutMs: 20_000 };

interface Run {
  readonly from: number;
  readonly id: string;
  readonly headers: unknown;
  to?: number;
}
let runs: Run[] = [];

@Controller()
class TickController {
  @QueuePattern('tick', { concurrency: 10, attempts: 1 })
  async tick(@Payload() ms: number, @Ctx() job: HydraJobContext): Promise<void> {
    const run: Run = { from: performance.now(), id: job.id, headers: job.getMetadata() };
    runs.push(run);
    await sleep(ms);
    run.to = performance.now();
  }

  @QueuePattern('order', { concurrency: 1 })
  order(@Ctx() job: HydraJobContext): void {
    runs.push({ from: performance.now(), id: job.id, headers: undefined });
  }
}

let workers: Awaited<ReturnType<typeof startService>>[];
let queue: QueueService;
let service: string;

beforeEach(async () => {
  Logger.overrideLogger(false);
  runs = [];
  service = uniqueService('repeat');
  const options = { service, redis: await testRedis() };
  workers = await Promise.all([1, 2].map(() => startService(options, [TickController])));
  queue = workers[0]!.app.get(QueueService);
});

afterEach(() => Promise.all(workers.map((worker) => worker.close())));

const every = (everyMs: number, data: unknown, options?: RepeatOptions) =>
  queue.repeat('often', { everyMs }, 'tick', data, options);
const ran = (count: number) =>
  eventually(() => runs.length >= count, { what: `${count} ticks to run`, ...PATIENCE });
const next = async () => (await queue.schedules())[0]?.nextAt;
/** The most that ran at one moment. */
const together = () =>
  Math.max(
    ...runs.map(({ from }) => runs.filter((run) => run.from <= from && (run.to ?? Infinity) > from).length),
  );

describe('a job that repeats every so many milliseconds', () => {
  it('is added once for each tick, by either of two workers, with its headers and priority', async () => {
    await every(100, 0, { headers: { from: 'a schedule' }, priority: -1 });
    await every(100, 0, { headers: { from: 'a schedule' }, priority: -1 });
    await ran(10);
    expect(new Set(runs.map(({ id }) => id)).size).toBe(runs.length);
    expect(runs[0]!.headers).toEqual({ from: 'a schedule' });
    expect((await queue.schedules())[0]).toMatchObject({ everyMs: 100, cron: undefined, pattern: 'tick' });
    expect(await queue.stopRepeating('often')).toBe(true);
    expect(await queue.schedules()).toEqual([]);
  }, 30_000);

  it('comes at once, and so often as is said, however often it is set again', async () => {
    const options = { atOnce: true, count: 3 };
    const from = performance.now();
    await every(200, 0, options);
    await ran(1);
    expect(performance.now() - from).toBeLessThan(10_000);
    await ran(3);
    await eventually(async () => (await next()) === undefined, { what: 'no further tick', ...PATIENCE });
    await every(200, 0, options);
    expect(await next()).toBeUndefined();
    expect((await queue.schedules())[0]!.added).toBe(3);
    // Another definition is counted anew.
    await every(200, 0, { ...options, count: 2 });
    await ran(5);
    await eventually(async () => (await next()) === undefined, {
      what: 'the end of the second',
      ...PATIENCE,
    });
    expect(runs.length).toBe(5);
    await queue.stopRepeating('often');
    const { redis, keys } = workers[0]!.app.get(HydraInstance);
    expect(await redis.commands.exists(createQueueKeys(keys, service).ticked)).toBe(0);
  }, 30_000);

  it('tells as many of its next ticks as are asked for, and no more than there will be', async () => {
    const startAt = new Date(Date.now() + 3_600_000);
    const at = (n: number) => new Date(startAt.getTime() + n * 60_000);
    const ticks = async (most?: number) =>
      (await queue.schedules(most === undefined ? {} : { ticks: most }))[0]?.ticks;
    await every(60_000, 0, { startAt });
    expect(await ticks()).toEqual([at(0)]);
    expect(await ticks(3)).toEqual([at(0), at(1), at(2)]);
    await every(60_000, 0, { startAt, count: 2 });
    expect(await ticks(3)).toEqual([at(0), at(1)]);
    await every(60_000, 0, { startAt, endAt: at(1) });
    expect(await ticks(3)).toEqual([at(0), at(1)]);
    await queue.repeat('often', '0 3 * * *', 'tick', 0, { timeZone: 'Europe/Berlin' });
    const daily = (await ticks(100))!;
    expect(daily).toHaveLength(100);
    const hours = daily.map((tick) =>
      tick.toLocaleTimeString('en', { timeZone: 'Europe/Berlin', hour: 'numeric', hour12: false }),
    );
    expect(new Set(hours)).toEqual(new Set(['03']));
    for (const wrong of [101, -1, 1.5])
      await expect(queue.schedules({ ticks: wrong })).rejects.toMatchObject({ code: 'BAD_OPTION' });
    await queue.stopRepeating('often');
  });

  it('does not begin before its start, ends at its end, and is no error when that has passed', async () => {
    const now = Date.now();
    const startAt = new Date(now + 3_600_000);
    await every(1_000, 0, { startAt, atOnce: true });
    expect(await next()).toEqual(startAt);
    await every(1_000, 0, { endAt: new Date(now - 1) });
    expect(await queue.schedules()).toEqual([]);
    expect(runs).toEqual([]);
  });

  it('runs beside the one before without a guard, after it with "queue", and not while it runs with "skip"', async () => {
    await every(100, 1_000);
    await eventually(() => together() > 1, { what: 'two at once', ...PATIENCE });
    await queue.stopRepeating('often');
    await eventually(() => runs.every(({ to }) => to !== undefined), { what: 'their end', ...PATIENCE });
    for (const overlap of ['skip', 'queue'] as const) {
      runs = [];
      await every(100, 350, { overlap });
      await ran(3);
      await queue.stopRepeating('often');
      await eventually(() => runs.every(({ to }) => to !== undefined), { what: 'their end', ...PATIENCE });
      expect(together()).toBe(1);
    }
  }, 60_000);

  it.each([
    [{ everyMs: 0 }, {}],
    [{ everyMs: 1.5 }, {}],
    [{ everyMs: 1, more: 1 } as never, {}],
    [{ everyMs: 1 }, { count: 0 }],
    [{ everyMs: 1 }, { overlap: 'both' as never }],
    [{ everyMs: 1 }, { atOnce: 1 as never }],
    [{ everyMs: 1 }, { startAt: new Date(Number.NaN) }],
    [{ everyMs: 1 }, { priority: 4 }],
  ])('is refused as %j with %j', async (when, options) => {
    await expect(queue.repeat('bad', when, 'tick', 0, options)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('jobs with priorities', () => {
  it('are taken from the highest to the lowest, those of one in their order, and the last first with lifo', async () => {
    await queue.pause();
    const ids = [0, -1, 2, -3, 3, 1, 0, 2].map((priority, n) => ({ priority, id: `p${priority}-${n}` }));
    for (const { id, priority } of ids) await queue.add('order', 0, { id, priority });
    await queue.add('order', 0, { id: 'last', lifo: true });
    await queue.add('order', 0, { id: 'first', priority: 'high', lifo: true });
    const order = ['first', 'p3-4', 'p2-2', 'p2-7', 'p1-5', 'last', 'p0-0', 'p0-6', 'p-1-1', 'p-3-3'];
    expect((await queue.list('waiting')).map(({ id }) => id)).toEqual(order);
    expect((await queue.counts()).waiting).toBe(10);
    expect(await queue.get('p-3-3')).toMatchObject({ state: 'waiting' });
    await workers.pop()!.close();
    await queue.resume();
    await ran(10);
    expect(runs.map(({ id }) => id)).toEqual(order);
    const { redis, keys } = workers[0]!.app.get(HydraInstance);
    const { ranked } = createQueueKeys(keys, service);
    const isGone = async () => (await redis.commands.exists(ranked)) === 0;
    await queue.add('order', 0);
    await eventually(isGone, { what: 'nothing to be left of the priorities', ...PATIENCE });
  }, 30_000);

  it('can be cancelled and removed, and wait where no worker has a handler', async () => {
    await queue.add('nobody', 0, { id: 'a', priority: -2 });
    await queue.add('nobody', 0, { id: 'b', priority: 1 });
    await eventually(async () => (await queue.counts()).unhandled['nobody'] === 2, {
      what: 'both',
      ...PATIENCE,
    });
    expect(await queue.cancel('a')).toBe('cancelled');
    expect(await queue.remove('b')).toBe(true);
    expect((await queue.counts()).waiting).toBe(0);
  });

  it.each([4, -4, 0.5, 'low' as never, Number.NaN])('are refused with %s', async (priority) => {
    await expect(queue.add('order', 0, { priority })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});
