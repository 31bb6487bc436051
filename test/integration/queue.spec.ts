import { Controller, Injectable, Logger, UseGuards, type CanActivate } from '@nestjs/common';
import { Ctx, Payload, RpcException } from '@nestjs/microservices';
import { from, throwError } from 'rxjs';

import {
  DeadLetter,
  HydraJobContext,
  QueuePattern,
  QueueService,
  Retry,
  type HydraOptions,
  type JobEvent,
} from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

interface Seen {
  readonly id: string;
  readonly attempt: number;
  readonly fence: number;
  readonly data: unknown;
  readonly at: number;
}

const seen: Seen[] = [];
const gates = new Map<string, () => void>();
let running = 0;
let mostRunning = 0;

function note(data: unknown, context: HydraJobContext): void {
  const { id, attempt, fence } = context;
  seen.push({ id, attempt, fence, data, at: performance.now() });
}

@Injectable()
class Nobody implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Controller()
class JobsController {
  @QueuePattern('echo')
  echo(@Payload() data: unknown, @Ctx() context: HydraJobContext): unknown {
    note(data, context);
    return { echoed: data };
  }

  @QueuePattern('undecorated')
  undecorated(data: { fail?: boolean }, context: HydraJobContext): unknown {
    note(data, context);
    if (data.fail) throw new TypeError('no luck');
    return 'fine';
  }

  @QueuePattern({ cmd: 'object', v: 1 })
  objectPattern(data: unknown): unknown {
    return data;
  }

  @QueuePattern('stream')
  stream(): unknown {
    return from([1, 2, 3]);
  }

  @QueuePattern('flaky', { attempts: 3, backoff: 5 })
  flaky(@Payload() data: { failures: number }, @Ctx() context: HydraJobContext): string {
    note(data, context);
    if (context.attempt <= data.failures) throw new Error(`failure ${context.attempt}`);
    return `done at attempt ${context.attempt}`;
  }

  @QueuePattern('late-error', { attempts: 1 })
  lateError(): unknown {
    return throwError(() => new Error('from a stream'));
  }

  @QueuePattern('rpc-error', { attempts: 1 })
  rpcError(): never {
    throw new RpcException('said so');
  }

  @QueuePattern('hopeless', { attempts: 10 })
  hopeless(): never {
    throw new DeadLetter('no such customer');
  }

  @QueuePattern('later', { attempts: 3 })
  later(@Payload() data: unknown, @Ctx() context: HydraJobContext): unknown {
    note(data, context);
    return context.attempt === 1 ? Retry.after(30) : 'later';
  }

  @QueuePattern('slow', { timeoutMs: 50, attempts: 1 })
  slow(@Ctx() context: HydraJobContext): Promise<never> {
    return new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(new Error('x'))));
  }

  @QueuePattern('guarded', { attempts: 1 })
  @UseGuards(Nobody)
  guarded(): void {}

  @QueuePattern('held', { concurrency: 2 })
  async held(@Payload() key: string, @Ctx() context: HydraJobContext): Promise<string> {
    note(key, context);
    mostRunning = Math.max(mostRunning, ++running);
    await new Promise<void>((resolve) => gates.set(key, resolve));
    running--;
    return key;
  }

  @QueuePattern('steps')
  async steps(@Ctx() context: HydraJobContext): Promise<string> {
    await context.progress(0.5);
    await context.progress({ step: 'two' });
    return 'stepped';
  }

  @QueuePattern('limited', { rateLimit: { max: 5, perMs: 500 }, concurrency: 50 })
  limited(@Payload() data: unknown, @Ctx() context: HydraJobContext): void {
    note(data, context);
  }

  @QueuePattern('aside', { queue: 'other' })
  aside(): string {
    return 'from the other queue';
  }

  @QueuePattern('tick')
  tick(@Payload() data: unknown, @Ctx() context: HydraJobContext): void {
    note(data, context);
  }
}

let service: string;
let options: HydraOptions;
let worker: TestService;
let queue: QueueService;

beforeAll(async () => {
  service = uniqueService('jobs');
  options = { service, redis: await testRedis() };
  worker = await startService(options, [JobsController], [Nobody]);
  queue = worker.app.get(QueueService);
  // Nest logs each error of a handler; here they are meant.
  Logger.overrideLogger(false);
});

afterAll(() => worker.close());

const seenOf = (id: string) => seen.filter((job) => job.id === id);

describe('a job', () => {
  it('is handled, and its result is there at once, later, and for whoever asks by its id', async () => {
    expect(await queue.add('echo', { a: 1 }).result()).toEqual({ echoed: { a: 1 } });
    const job = await queue.add('echo', 'x');
    expect(await job.result()).toEqual({ echoed: 'x' });
    expect(await job.result()).toEqual({ echoed: 'x' });
    expect(await queue.get(job.id)).toMatchObject({ state: 'completed', result: { echoed: 'x' } });
  });

  it.each([0, false, '', null, [1, [2]], { d: 'é€😀' }])('carries %p', async (data) => {
    expect(await queue.add('echo', data).result()).toEqual({ echoed: data });
  });

  it('carries bytes', async () => {
    const job = await queue.add('echo', { blob: Buffer.from([0, 255]) });
    await job.result();
    expect(seenOf(job.id)[0]?.data).toEqual({ blob: Buffer.from([0, 255]) });
  });

  it('finds handlers without decorated arguments, with object patterns, and with streams', async () => {
    expect(await queue.add('undecorated', {}).result()).toBe('fine');
    expect(await queue.add({ v: 1, cmd: 'object' }, [1]).result()).toEqual([1]);
    expect(await queue.add('stream', {}).result()).toBe(3);
  });

  it('is added in order with others of its turn, and each is handled once', async () => {
    const jobs = await Promise.all(Array.from({ length: 300 }, (_, n) => queue.add('echo', n)));
    await Promise.all(jobs.map((job) => job.result()));
    const ids = new Set(jobs.map(({ id }) => id));
    const handled = seen.filter(({ id }) => ids.has(id));
    expect(handled.map(({ data }) => data)).toEqual(jobs.map((_, n) => n));
    const fences = handled.map(({ fence }) => fence);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
  });

  it('refuses data that cannot travel, before anything is stored', async () => {
    await expect(queue.add('echo', 1n)).rejects.toMatchObject({ code: 'BAD_PAYLOAD' });
    await expect(queue.add('echo', 'x'.repeat(2_000_000))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    await expect(
      queue.addBulk([
        { pattern: 'echo', data: 1 },
        { pattern: 'echo', data: 1n },
      ]),
    ).rejects.toMatchObject({
      code: 'BAD_PAYLOAD',
    });
    await expect(queue.add('echo', 1, { queue: 'a:b' })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('a job that fails', () => {
  it('is tried again, and knows its attempt', async () => {
    const job = await queue.add('flaky', { failures: 2 });
    expect(await job.result()).toBe('done at attempt 3');
    expect(seenOf(job.id).map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  it('is a dead letter after its attempts, with its reason and history', async () => {
    const job = await queue.add(
      'flaky',
      { failures: 9 },
      { attempts: 2, backoff: { type: 'fixed', delayMs: 1 } },
    );
    await expect(job.result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    const dead = (await queue.deadLetters()).find(({ id }) => id === job.id);
    expect(dead).toMatchObject({
      pattern: 'flaky',
      data: { failures: 9 },
      reason: 'Error: failure 2',
      attempts: 2,
      history: [{ error: 'Error: failure 1' }, { error: 'Error: failure 2' }],
    });
    expect(await queue.get(job.id)).toMatchObject({ state: 'dead', error: 'Error: failure 2' });
  });

  it.each([
    ['late-error', {}, 'Error: from a stream'],
    ['rpc-error', {}, 'Error: said so'],
    ['hopeless', {}, 'no such customer'],
    ['guarded', {}, 'Forbidden resource'],
    ['slow', {}, '[TIMEOUT] "slow" ran longer than timeoutMs=50'],
  ])('%s says why', async (pattern, data, reason) => {
    const job = await queue.add(pattern, data);
    await expect(job.result()).rejects.toThrow(reason);
  });

  it('keeps what an undecorated handler threw', async () => {
    const job = await queue.add('undecorated', { fail: true }, { attempts: 1 });
    await expect(job.result()).rejects.toThrow('TypeError: no luck');
  });

  it('can ask to be tried later', async () => {
    const job = await queue.add('later', {});
    expect(await job.result()).toBe('later');
    const [first, second] = seenOf(job.id);
    expect(second!.at - first!.at).toBeGreaterThan(25);
  });

  it('goes back to work when it is redriven, and only then', async () => {
    const job = await queue.add('flaky', { failures: 1 }, { attempts: 1 });
    await expect(job.result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    expect(await queue.redrive(job.id, { dryRun: true })).toEqual([job.id]);
    expect((await queue.deadLetters()).some(({ id }) => id === job.id)).toBe(true);
    expect(await queue.redrive([job.id])).toEqual([job.id]);
    await eventually(() => seenOf(job.id).length === 2, { what: 'the second run' });
    expect(await queue.redrive(['nobody'])).toEqual([]);
  });
});

describe('the queue', () => {
  it('holds a delayed job back until its time', async () => {
    const start = performance.now();
    const job = await queue.add('echo', 'delayed', { delayMs: 300 });
    expect(await queue.get(job.id)).toMatchObject({ state: 'delayed' });
    expect((await queue.list('delayed')).map(({ id }) => id)).toContain(job.id);
    await job.result();
    expect(seenOf(job.id)[0]!.at - start).toBeGreaterThan(290);
  });

  it('adds a job with an id once', async () => {
    const first = await queue.add('echo', 1, { id: 'only-once' });
    const second = await queue.add('echo', 2, { id: 'only-once' });
    expect([first.isNew, second.isNew, second.id]).toEqual([true, false, 'only-once']);
    expect(await second.result()).toEqual({ echoed: 1 });
    const third = await queue.add('echo', 3, { id: 'shortly', dedupMs: 1 });
    await third.result();
    await eventually(async () => (await queue.add('echo', 4, { id: 'shortly' })).isNew, {
      what: 'the id to be free',
    });
  });

  it('runs no more jobs of a pattern at once than it may, and others meanwhile', async () => {
    const held = await Promise.all(['a', 'b', 'c', 'd'].map((key) => queue.add('held', key)));
    await eventually(() => gates.size === 2, { what: 'two jobs' });
    expect(await queue.add('echo', 'meanwhile').result()).toEqual({ echoed: 'meanwhile' });
    expect(gates.size).toBe(2);
    const open = setInterval(() => {
      for (const release of gates.values()) release();
    }, 5);
    expect(await Promise.all(held.map((job) => job.result()))).toEqual(['a', 'b', 'c', 'd']);
    clearInterval(open);
    expect(mostRunning).toBe(2);
  });

  it('takes high priority first, and stands still while it is paused', async () => {
    await queue.pause();
    await eventually(async () => (await queue.counts()).active === 0, { what: 'the last job' });
    const normal = await queue.add('echo', 'normal');
    const high = await queue.add('echo', 'high', { priority: 'high' });
    const counts = await queue.counts();
    expect(counts).toMatchObject({ waiting: 2, isPaused: true });
    expect((await queue.list('waiting')).map(({ data }) => data)).toEqual(['high', 'normal']);
    expect(await queue.get(normal.id)).toMatchObject({ state: 'waiting', data: 'normal' });
    await queue.resume();
    await Promise.all([normal.result(), high.result()]);
    expect(seenOf(high.id)[0]!.fence).toBeLessThan(seenOf(normal.id)[0]!.fence);
  });

  it('removes a job that waits, and none that is gone', async () => {
    const job = await queue.add('echo', 'never', { delayMs: 60_000, id: 'removable' });
    expect(await queue.remove(job.id)).toBe(true);
    expect(await queue.remove(job.id)).toBe(false);
    expect((await queue.add('echo', 'again', { id: 'removable', delayMs: 60_000 })).isNew).toBe(true);
    expect(await queue.remove('removable')).toBe(true);
  });

  it('keeps to a rate limit', async () => {
    const start = performance.now();
    const jobs = await queue.addBulk(Array.from({ length: 12 }, (_, n) => ({ pattern: 'limited', data: n })));
    await Promise.all(jobs.map((job) => job.result()));
    // Five at once, then one each 100 ms: the last seven need 700 ms.
    expect(performance.now() - start).toBeGreaterThan(600);
  });

  it('tells progress, failures and ends to whoever listens', async () => {
    const events: JobEvent[] = [];
    const subscription = queue.events().subscribe((event) => {
      if (event.type !== 'added' && event.type !== 'drained') events.push(event);
    });
    await (await queue.add('echo', 'listening')).result();
    const job = await queue.add('steps', {});
    await job.result();
    const failing = await queue.add('flaky', { failures: 1 });
    await failing.result();
    await eventually(() => events.some(({ id, type }) => id === failing.id && type === 'completed'), {
      what: 'all',
    });
    subscription.unsubscribe();
    expect(events.filter(({ id }) => id === job.id)).toMatchObject([
      { type: 'started' },
      { type: 'progress', value: 0.5 },
      { type: 'progress', value: { step: 'two' } },
      { type: 'completed', result: 'stepped' },
    ]);
    expect(events.filter(({ id }) => id === failing.id).map(({ type }) => type)).toEqual([
      'started',
      'failed',
      'started',
      'completed',
    ]);
  });

  it('reads named queues beside the default one', async () => {
    expect(await queue.add('aside', {}, { queue: 'other' }).result()).toBe('from the other queue');
    expect(await queue.counts({ queue: 'other' })).toMatchObject({ completed: 1, waiting: 0, active: 0 });
  });

  it('buries a job that has no handler anywhere', async () => {
    const impatient = await startService(
      { ...options, service: uniqueService('jobs'), queue: { noHandlerMs: 0 } },
      [JobsController],
      [Nobody],
    );
    const job = await impatient.app.get(QueueService).add('unheard-of', { a: 1 });
    await expect(job.result()).rejects.toThrow('"unheard-of" had no handler');
    await impatient.close();
  });
});
