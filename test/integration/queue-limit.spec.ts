import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { HydraJobContext, QueuePattern, QueueService, Retry, type HydraOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let starts: { readonly key: unknown; readonly at: number; readonly attempt: number }[] = [];

@Controller()
class LimitController {
  constructor(private readonly queue: QueueService) {}

  @QueuePattern('charge', { concurrency: 2, attempts: 1 })
  charge(@Payload() key: unknown, @Ctx() { attempt }: HydraJobContext): void {
    starts.push({ key, at: performance.now(), attempt });
  }

  @QueuePattern('refused', { attempts: 1 })
  async refused(@Payload() key: unknown, @Ctx() { attempt }: HydraJobContext): Promise<Retry | string> {
    starts.push({ key, at: performance.now(), attempt });
    if (starts.length > 1) return 'done';
    await this.queue.limit('refused', 300);
    return Retry.after(300, { attempt: false });
  }

  /** The first start lasts until its worker stops. */
  @QueuePattern('rated', { rateLimit: { max: 2, perMs: 3_600_000 }, concurrency: 2 })
  async rated(@Payload() key: unknown, @Ctx() { attempt, signal }: HydraJobContext): Promise<void> {
    starts.push({ key, at: performance.now(), attempt });
    if (starts.length > 1) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    throw new Error('stopped');
  }

  @QueuePattern('plain', { concurrency: 10 })
  plain(@Payload() data: unknown): unknown {
    return data;
  }
}

let options: HydraOptions & { service: string };
let workers: Awaited<ReturnType<typeof startService>>[];
let queue: QueueService;

beforeEach(async () => {
  Logger.overrideLogger(false);
  starts = [];
  options = { service: uniqueService('limit'), redis: await testRedis() };
  workers = await Promise.all([1, 2].map(() => startService(options, [LimitController])));
  queue = workers[0]!.app.get(QueueService);
});

afterEach(() => Promise.all(workers.map((worker) => worker.close())));

describe('a pattern that is limited', () => {
  it('starts no job on any instance until then, holds up no other, and keeps their order', async () => {
    const from = performance.now();
    const ends = await queue.limit('charge', 1_500);
    expect(ends!.getTime()).toBeGreaterThan(0);
    await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ pattern: 'charge', data: n })));
    const others = await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ pattern: 'plain', data: n })));
    await Promise.all(others.map((job) => job.result()));
    expect(starts).toEqual([]);
    expect((await queue.counts()).waiting).toBe(20);
    await eventually(() => starts.length === 20, { what: 'all to run', timeoutMs: 20_000 });
    expect(Math.min(...starts.map(({ at }) => at)) - from).toBeGreaterThanOrEqual(1_400);
    expect(starts[0]!.key).toBeLessThan(8);
  }, 30_000);

  it('starts them at once when that is ended, and nothing of it stays', async () => {
    await queue.limit('charge', 60_000);
    // Of two the later end counts.
    const ends = await queue.limit('charge', 1);
    expect(ends!.getTime()).toBeGreaterThan((await queue.limit('charge', 59_000))!.getTime() - 1);
    const job = await queue.add('charge', 1);
    await queue.add('plain', 1).result();
    expect(starts).toEqual([]);
    expect(await queue.limit('charge', 0)).toBeUndefined();
    await job.result();
    const { redis, keys } = workers[0]!.app.get(HydraInstance);
    expect(await redis.commands.exists(createQueueKeys(keys, options.service).limited)).toBe(0);
  });

  it('may be limited by its own handler, which is put off without an attempt', async () => {
    expect(await queue.add('refused', 'a').result({ timeoutMs: 10_000 })).toBe('done');
    expect(starts.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(starts[1]!.at - starts[0]!.at).toBeGreaterThanOrEqual(290);
  });

  it.each([
    ['', 1],
    ['a', -1],
    ['a', 0.5],
    ['a', 86_400_001],
    ['a', Number.NaN],
  ])('is refused for %j and %s ms', async (pattern, ms) => {
    await expect(queue.limit(pattern, ms)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('a rate limit', () => {
  it('counts a start that ended with its worker, though the job is given back', async () => {
    const own = { ...options, service: uniqueService('rated'), drain: { timeoutMs: 100 } };
    const first = await startService(own, [LimitController]);
    const { queue: rated, close } = { queue: first.app.get(QueueService), close: first.close };
    await rated.add('rated', 'interrupted');
    await eventually(() => starts.length === 1, { what: 'the first start' });
    await close();
    const second = await startService(own, [LimitController]);
    workers.push(second);
    const later = second.app.get(QueueService);
    await eventually(() => starts.length === 2, { what: 'the second start' });
    await later.add('rated', 'one more');
    // A job of another pattern is taken by the same script, behind it.
    await later.add('plain', 1).result();
    expect(starts.map(({ key }) => key)).toEqual(['interrupted', 'interrupted']);
    expect((await later.counts()).waiting).toBe(1);
  });
});
