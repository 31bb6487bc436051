import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import {
  HydraJobContext,
  QueuePattern,
  QueueService,
  Retry,
  type HydraError,
  type HydraOptions,
  type JobEvent,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

interface Start {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly end: (value?: unknown) => void;
}

let starts: Start[] = [];
let polls = 0;

@Controller()
class CancelController {
  @QueuePattern('held', { concurrency: 5, attempts: 3, backoff: 0 })
  held(@Payload() key: string, @Ctx() { signal }: HydraJobContext): Promise<unknown> {
    return new Promise((resolve) => starts.push({ key, signal, end: resolve }));
  }

  @QueuePattern('polls', { concurrency: 50 })
  async polls(): Promise<Retry> {
    polls++;
    await new Promise((resolve) => setImmediate(resolve));
    return Retry.after(1, { attempt: false });
  }

  @QueuePattern('limited', { attempts: 1, rateLimit: { max: 1, perMs: 3_600_000 } })
  limited(@Payload() data: unknown): unknown {
    return data;
  }

  @QueuePattern('plain')
  plain(@Payload() data: unknown): unknown {
    return data;
  }
}

let options: HydraOptions & { service: string };
let queue: QueueService;
let keys: QueueKeys;
let instance: HydraInstance;
let close: () => Promise<void>;

beforeEach(async () => {
  Logger.overrideLogger(false);
  starts = [];
  options = { service: uniqueService('cancel'), redis: await testRedis() };
  const worker = await startService(options, [CancelController]);
  queue = worker.app.get(QueueService);
  instance = worker.app.get(HydraInstance);
  keys = createQueueKeys(instance.keys, options.service);
  close = async () => {
    for (const { end } of starts) end();
    await worker.close();
  };
});

afterEach(() => close());

const failureOf = (result: Promise<unknown>) =>
  result.then(
    () => undefined,
    (error: HydraError) => `${error.code}: ${error.message}`,
  );

/** Nothing is remembered but what it came to. */
const remembered = async () => {
  const { commands } = instance.redis;
  return Promise.all([commands.hlen(keys.state), commands.hlen(keys.progress), commands.zcard(keys.delayed)]);
};

describe('cancelling a job', () => {
  it.each(['waits', 'is delayed', 'is urgent'])(
    'that %s takes it out, and tells whoever waits for it',
    async (how) => {
      await queue.pause();
      const settings = {
        waits: {},
        'is delayed': { delayMs: 60_000 },
        'is urgent': { priority: 'high' },
      } as const;
      const job = await queue.add('plain', 1, { id: 'own', ...settings[how as keyof typeof settings] });
      const other = await queue.add('plain', 2);
      const failure = failureOf(job.result({ timeoutMs: 20_000 }));
      expect(await queue.cancel(job.id, { reason: 'no longer wanted' })).toBe('cancelled');
      expect(await failure).toContain('CANCELLED: [CANCELLED] job own was cancelled: no longer wanted');
      expect(await queue.get(job.id)).toMatchObject({ state: 'cancelled', error: 'no longer wanted' });
      expect(await queue.cancel(job.id)).toBe('ended');
      expect(await queue.counts()).toMatchObject({ waiting: 1, delayed: 0, dead: 0, completed: 0 });
      expect(await remembered()).toEqual([0, 0, 0]);
      // Its id stays taken as that of a job that ended.
      expect((await queue.add('plain', 1, { id: 'own' })).isNew).toBe(false);
      await queue.resume();
      await other.result();
    },
  );

  it('that runs aborts its signal soon, and what it still does counts no more', async () => {
    const job = await queue.add('held', 'running');
    await eventually(() => starts.length === 1, { what: 'its start' });
    const failure = failureOf(job.result({ timeoutMs: 20_000 }));
    const { signal, end } = starts[0]!;
    expect(await queue.cancel(job.id, { reason: 'stop' })).toBe('cancelled');
    await eventually(() => signal.aborted, { what: 'the signal' });
    expect(signal.reason).toMatchObject({ code: 'CANCELLED', message: expect.stringContaining('stop') });
    end('late');
    expect(await failure).toContain('was cancelled: stop');
    // It is not tried again, and its place is free.
    await Promise.all([1, 2, 3, 4, 5].map((n) => queue.add('held', `next ${n}`)));
    await eventually(() => starts.length === 6, { what: 'five others' });
    expect(starts.filter(({ key }) => key === 'running')).toHaveLength(1);
    expect(await queue.get(job.id)).toMatchObject({ state: 'cancelled' });
  });

  it('that runs is heard of by the renewal of its lease where the message is lost', async () => {
    const job = await queue.add('held', 'unheard');
    await eventually(() => starts.length === 1, { what: 'its start' });
    const { commands } = instance.redis;
    const leases = keys.leases(instance.id);
    const lease = (await commands.hkeys(leases))[0]!;
    // As the script does it, but for the message.
    const event = { type: 'cancelled', id: job.id, pattern: 'held', reason: 'lost words', finishedOn: 1 };
    await commands.multi().hdel(leases, lease).hset(keys.results, job.id, JSON.stringify(event)).exec();
    await eventually(() => starts[0]!.signal.aborted, { what: 'the signal', timeoutMs: 15_000 });
    expect(starts[0]!.signal.reason).toMatchObject({ message: expect.stringContaining('lost words') });
  }, 30_000);

  it('that races with its end is decided once, and both are told the same', async () => {
    const jobs = await queue.addBulk(Array.from({ length: 60 }, (_, n) => ({ pattern: 'plain', data: n })));
    const ends = jobs.map((job) =>
      job.result({ timeoutMs: 30_000 }).then(
        () => 'ended',
        ({ code }: HydraError) => (code === 'CANCELLED' ? 'cancelled' : code),
      ),
    );
    const outcomes = await Promise.all(jobs.map(({ id }) => queue.cancel(id)));
    expect(await Promise.all(ends)).toEqual(outcomes);
    expect(await queue.counts()).toMatchObject({ waiting: 0, active: 0, dead: 0 });
  }, 60_000);

  it('that waits to be alone lets others start at once', async () => {
    await queue.add('held', 'running');
    await eventually(() => starts.length === 1, { what: 'another to run' });
    const { id } = await queue.add('held', 'suspect', { delayMs: 60_000 });
    const [raw] = await instance.redis.commands.zrange(keys.delayed, '0', '-1');
    await instance.redis.commands.hset(keys.state, String(raw), JSON.stringify({ lost: 2, waitedAlone: 4 }));
    expect(await queue.promote(id)).toBe(true);
    await eventually(async () => (await queue.get(id))?.state === 'active', { what: 'it to wait here' });
    expect(await queue.cancel(id)).toBe('cancelled');
    expect(await queue.add('plain', 7).result({ timeoutMs: 1_500 })).toBe(7);
  });

  it('that is none, or that a Hydra 1.x worker runs, is said', async () => {
    expect(await queue.cancel('nobody')).toBe('missing');
    const raw = JSON.stringify({ to: `${options.service}:/`, mid: 'old', typ: 'plain', bdy: {} });
    await instance.redis.commands.lpush(keys.inProgress, raw);
    expect(await queue.cancel('old')).toBe('foreign');
    await instance.redis.commands.del(keys.inProgress);
  });

  it('is told to whoever listens', async () => {
    await queue.pause();
    const events: JobEvent[] = [];
    const subscription = queue.events().subscribe((event) => {
      if (event.type !== 'added' && event.type !== 'drained') events.push(event);
    });
    await eventually(() => instance.redis.commands.exists(keys.watched).then(Boolean), {
      what: 'the listener',
    });
    const job = await queue.add('plain', 1);
    await queue.cancel(job.id, { reason: 'told' });
    await eventually(() => events.length > 0, { what: 'the event' });
    expect(events).toEqual([
      {
        ...{ type: 'cancelled', id: job.id, pattern: 'plain', reason: 'told' },
        ...{ finishedAt: expect.any(Date), enqueuedAt: expect.any(Date) },
      },
    ]);
    subscription.unsubscribe();
  });

  it('that came and has not begun gives its start back to a rate limit', async () => {
    const { commands } = instance.redis;
    await queue.add('held', 'runs');
    await eventually(() => starts.length === 1, { what: 'another one to run' });
    const raw = JSON.stringify({ to: `${options.service}:/`, mid: 'once-lost', typ: 'limited', bdy: 1 });
    // It was lost with its worker: it waits here to be alone, and for long, since it did so in vain before.
    await commands.hset(keys.state, raw, JSON.stringify({ lost: 1, waitedAlone: 4 }));
    await commands.lpush(keys.waiting, raw);
    await eventually(async () => (await queue.get('once-lost'))?.state === 'active', { what: 'it to come' });
    expect(await queue.cancel('once-lost')).toBe('cancelled');
    const left = () => commands.hget(keys.rates, 'limited');
    await eventually(async () => (await left())?.startsWith('1.'), { what: 'its worker to give it back' });
    starts[0]!.end();
    // Without that it would wait for an hour.
    expect(await queue.add('limited', 2).result({ timeoutMs: 20_000 })).toBe(2);
  }, 30_000);

  it.each([{ reason: '' }, { reason: 'x'.repeat(1_001) }, { because: 'x' }])(
    'is refused with %j',
    async (given) => {
      await expect(queue.cancel('any', given as never)).rejects.toMatchObject({ code: 'BAD_OPTION' });
    },
  );
});

describe('cancelling all jobs of a pattern', () => {
  it('ends those that wait, are delayed and run, and no other', async () => {
    await queue.addBulk(Array.from({ length: 8 }, (_, n) => ({ pattern: 'held', data: `${n}` })));
    await eventually(() => starts.length === 5, { what: 'five to run' });
    await queue.add('held', 'later', { delayMs: 60_000 });
    const other = await queue.add('plain', 1, { delayMs: 60_000 });
    const dry = await queue.cancelWhere({ pattern: 'held', dryRun: true });
    expect([dry.ids.length, dry.hasMore]).toEqual([9, false]);
    expect(starts.some(({ signal }) => signal.aborted)).toBe(false);
    const ids: string[] = [];
    for (let hasMore = true; hasMore;) {
      const some = await queue.cancelWhere({ pattern: 'held', limit: 4, reason: 'all of them' });
      ids.push(...some.ids);
      hasMore = some.hasMore;
    }
    expect(ids.toSorted()).toEqual([...dry.ids].toSorted());
    await eventually(() => starts.every(({ signal }) => signal.aborted), { what: 'the signals' });
    expect(await queue.counts()).toMatchObject({ waiting: 0, active: 0, delayed: 1 });
    expect((await queue.get(other.id))?.state).toBe('delayed');
  });

  it('ends those that go from place to place all the time, if need be when it is asked again', async () => {
    const jobs = await Promise.all(Array.from({ length: 40 }, (_, n) => queue.add('polls', `${n}`)));
    await eventually(() => polls > 80, { what: 'all to be tried again' });
    const ids = new Set<string>();
    for (let asked = 0; asked < 3 && ids.size < jobs.length; asked++) {
      for (const id of (await queue.cancelWhere({ pattern: 'polls' })).ids) ids.add(id);
    }
    expect([...ids].toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
    expect(await queue.counts()).toMatchObject({ waiting: 0, active: 0, delayed: 0 });
  });

  it('goes through a long list in bounded steps, and leaves the order of the others', async () => {
    await queue.pause();
    const text = (n: number) =>
      JSON.stringify({
        to: `${options.service}:/`,
        mid: `j${n}`,
        typ: n % 10 === 0 ? 'held' : 'plain',
        bdy: {},
      });
    const texts = Array.from({ length: 3_000 }, (_, n) => text(n));
    await instance.redis.commands.lpush(keys.waiting, ...texts);
    const { ids, hasMore } = await queue.cancelWhere({ pattern: 'held' });
    expect([ids.length, new Set(ids).size, hasMore]).toEqual([300, 300, false]);
    const left = await instance.redis.commands.lrange(keys.waiting, 0, -1);
    expect(left.toReversed()).toEqual(texts.filter((_, n) => n % 10 !== 0));
    await instance.redis.commands.del(keys.waiting);
  });
});
