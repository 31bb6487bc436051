import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { DeadLetter, HydraJobContext, QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class FindController {
  @QueuePattern('keep')
  keep(@Payload() data: unknown): unknown {
    return data;
  }

  @QueuePattern('die', { attempts: 1 })
  die(@Payload() reason: string): never {
    throw new DeadLetter(reason);
  }

  @QueuePattern('later', { attempts: 5, backoff: 3_600_000 })
  later(): never {
    throw new Error('not now');
  }

  @QueuePattern('long')
  long(@Ctx() { signal }: HydraJobContext): Promise<void> {
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
  }
}

let worker: Awaited<ReturnType<typeof startService>>;
let queue: QueueService;
let service: string;

beforeEach(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('find');
  const options = { service, redis: (await startPrivateRedis()).url, queue: { completed: { data: true } } };
  worker = await startService(options, [FindController]);
  queue = worker.app.get(QueueService);
});

afterEach(() => worker.close());

const commands = () => worker.app.get(HydraInstance).redis.commands;
const keysOf = () => createQueueKeys(worker.app.get(HydraInstance).keys, service);
const settled = () =>
  eventually(
    async () => {
      const { waiting, active } = await queue.counts();
      return waiting + active === 0;
    },
    { what: 'all to end' },
  );

describe('a completed job', () => {
  it('keeps what it was: data, times, attempts and worker', async () => {
    const data = { blob: Buffer.from([1, 2]), n: 7 };
    const job = await queue.add('keep', data);
    await job.result();
    const from = Date.now();
    const view = (await queue.get(job.id))!;
    expect(view).toMatchObject({
      ...{ state: 'completed', pattern: 'keep', attempts: 1, data },
      worker: worker.app.get(HydraInstance).id,
      tookMs: expect.any(Number),
    });
    for (const at of [view.enqueuedAt, view.startedAt, view.finishedAt])
      expect(Math.abs(at!.getTime() - from)).toBeLessThan(60_000);
    const ranMs = view.finishedAt!.getTime() - view.startedAt!.getTime();
    expect(Math.abs(ranMs - view.tookMs!)).toBeLessThanOrEqual(1);
    expect(await queue.list('completed')).toEqual([view]);
  });
});

describe('jobs that are looked for', () => {
  it('are found by pattern, text and time, and counted by pattern, in each state', async () => {
    await queue.addBulk([1, 2, 3].map((n) => ({ pattern: 'keep', data: { customer: `c${n}` } })));
    await queue.addBulk(['first', 'second'].map((data) => ({ pattern: 'die', data })));
    await settled();
    await queue.pause();
    const waiting = [
      { pattern: 'keep', data: { customer: 'ada' }, priority: -1 },
      { pattern: 'keep', data: { customer: 'grace' } },
      { pattern: 'other', data: { customer: 'ada' } },
      { pattern: 'other', data: 1, priority: 3 },
    ];
    await queue.addBulk(waiting);
    await queue.add('keep', { customer: 'ada' }, { delayMs: 3_600_000 });

    const found = await queue.find('waiting');
    expect(found).toMatchObject({ patterns: { keep: 2, other: 2 }, looked: 4, hasMore: false });
    expect((await queue.find('waiting', { pattern: 'other', text: 'ada' })).patterns).toEqual({ other: 1 });
    expect((await queue.list('waiting', { text: '"customer":"ada"' })).length).toBe(2);
    expect((await queue.list('waiting', { text: '"customer":"ada"', limit: 1, offset: 1 })).length).toBe(1);
    expect((await queue.find('delayed', { text: 'ada' })).jobs[0]).toMatchObject({ state: 'delayed' });
    expect((await queue.find('completed', { text: '"customer":"c2"' })).jobs).toMatchObject([
      { data: { customer: 'c2' } },
    ]);
    expect((await queue.find('dead', { text: 'second' })).jobs).toMatchObject([{ error: 'second' }]);
    const ago = (ms: number) => new Date(Date.now() - ms);
    for (const state of ['waiting', 'completed', 'dead'] as const) {
      const { looked } = await queue.find(state);
      expect((await queue.find(state, { since: ago(60_000) })).jobs).toHaveLength(looked);
      expect((await queue.find(state, { until: ago(60_000) })).jobs).toEqual([]);
      expect((await queue.find(state, { since: ago(-60_000) })).jobs).toEqual([]);
    }
    const some = await queue.find('completed', { lookAt: 1, limit: 1 });
    expect(some.jobs).toHaveLength(1);
    const { oldestWaitingAt } = await queue.counts();
    expect(Math.abs(oldestWaitingAt!.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('are not more than are to be looked at, and it is said that there are others', async () => {
    await queue.pause();
    await queue.addBulk(
      Array.from({ length: 1_200 }, (_, n) => ({ pattern: n % 2 ? 'odd' : 'even', data: n })),
    );
    expect(await queue.find('waiting', { limit: 0, lookAt: 600 })).toMatchObject({ hasMore: true });
    const all = await queue.find('waiting', { limit: 700 });
    expect(all).toMatchObject({ hasMore: false, looked: 1_200, patterns: { odd: 600, even: 600 } });
    expect(all.jobs).toHaveLength(700);
  });

  it.each([
    { text: '' },
    { pattern: '' },
    { since: 5 as never },
    { until: new Date(Number.NaN) },
    { lookAt: 0 },
    { more: 1 } as object,
  ])('are refused with %j', async (options) => {
    await expect(queue.find('waiting', options)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('a job of this library among many', () => {
  /** How often Redis was asked for the type of a key: others at it would be counted too. */
  const asked = async (act: () => Promise<unknown>) => {
    const searches = async () =>
      Number(/cmdstat_type:calls=(\d+)/.exec(await commands().info('commandstats'))?.[1] ?? 0);
    const before = await searches();
    await act();
    return (await searches()) - before;
  };

  it('is found without a search, wherever it is: waiting, with an id, with a priority, delayed, dead, retried', async () => {
    const retried = await queue.add('later', 1);
    await eventually(async () => (await queue.counts()).delayed === 1, { what: 'its retry' });
    await queue
      .add('die', 'gone', { id: 'dead' })
      .result()
      .catch(() => undefined);
    const running = await queue.add('long', 1);
    await eventually(async () => (await queue.counts()).active === 1, { what: 'it to run' });
    await queue.pause();
    const many = (n: number) =>
      queue.addBulk(Array.from({ length: n }, () => ({ pattern: 'keep', data: 1 })));
    await many(3_000);
    const [middle, chosen, ranked, high, delayed, lifo] = await Promise.all([
      queue.add('keep', 2),
      queue.add('keep', 3, { id: 'chosen' }),
      queue.add('keep', 4, { priority: -2 }),
      queue.add('keep', 5, { priority: 'high' }),
      queue.add('keep', 6, { delayMs: 3_600_000 }),
      queue.add('keep', 7, { lifo: true }),
    ]);
    await many(3_000);
    const expected = [
      [middle.id, { state: 'waiting', data: 2 }],
      [chosen.id, { state: 'waiting', data: 3 }],
      [ranked.id, { state: 'waiting', data: 4 }],
      [high.id, { state: 'waiting', data: 5 }],
      [delayed.id, { state: 'delayed', data: 6, dueAt: expect.any(Date) }],
      [retried.id, { state: 'delayed', attempts: 1, error: 'Error: not now' }],
      [running.id, { state: 'active' }],
      ['dead', { state: 'dead', error: 'gone' }],
    ] as const;
    for (const [id, view] of expected) {
      // A search asks for the type of each place.
      expect(await asked(async () => expect(await queue.get(id)).toMatchObject(view))).toBe(0);
    }
    expect(await queue.get(lifo.id)).toMatchObject({ data: 7 });
    expect(await queue.get('nobody')).toBeUndefined();
    expect(await queue.promote(delayed.id)).toBe(true);
    expect(await queue.update(middle.id, 22)).toBe(true);
    expect(await queue.get(middle.id)).toMatchObject({ data: 22 });
    expect(await queue.cancel(middle.id)).toBe('cancelled');
    expect(await queue.remove(chosen.id)).toBe(true);
    await queue.drain({ delayed: true });
    expect(await commands().exists(keysOf().hints)).toBe(0);
    await queue.cancel(running.id);
  }, 30_000);

  it('and one that another program added are found, whatever the clocks of their producers show', async () => {
    await queue.pause();
    const text = (id: string, ts: string) =>
      `{"to":"x:/","frm":"y:/","mid":"${id}","ts":"${ts}","typ":"keep","ver":"UMF/1.4.6","bdy":{"n":1}}`;
    const { waiting } = keysOf();
    await queue.add('keep', 1);
    await commands().lpush(
      waiting,
      text('foreign', '2020-01-01T00:00:00.000Z'),
      text('later', '2099-01-01T00:00:00.000Z'),
    );
    const last = await queue.add('keep', 2);
    expect(await queue.get('foreign')).toMatchObject({ state: 'waiting' });
    expect(await queue.get('later')).toMatchObject({ state: 'waiting' });
    expect(await queue.get(last.id)).toMatchObject({ data: 2 });
  });
});

describe('what removes many', () => {
  it('drains what waits, and the delayed ones only where that is asked for', async () => {
    await queue.pause();
    const events: string[] = [];
    queue.events().subscribe(({ type }) => events.push(type));
    const job = await queue.add('keep', 0, { id: 'taken' });
    await queue.addBulk(Array.from({ length: 600 }, (_, n) => ({ pattern: 'keep', data: n })));
    await queue.add('keep', 0, { priority: 1 });
    await queue.add('keep', 0, { delayMs: 3_600_000 });
    const result = job.result({ timeoutMs: 10_000 });
    await eventually(async () => (await commands().exists(keysOf().watched)) === 1, {
      what: 'it to be watched',
    });
    expect(await queue.drain({ dryRun: true })).toBe(602);
    const steps: number[] = [];
    expect(await queue.drain({ onProgress: (done) => steps.push(done) })).toBe(602);
    expect(steps.at(-1)).toBe(602);
    expect(steps.length).toBeGreaterThan(2);
    await expect(result).rejects.toMatchObject({ code: 'CANCELLED' });
    await eventually(() => events.filter((type) => type === 'removed').length === 602, {
      what: 'all events',
    });
    expect(await queue.counts()).toMatchObject({ waiting: 0, delayed: 1 });
    expect((await queue.add('keep', 0, { id: 'taken' })).isNew).toBe(true);
    expect(await queue.drain({ delayed: true })).toBe(2);
    expect(await queue.counts()).toMatchObject({ waiting: 0, delayed: 0 });
  });

  it('cleans what is old of one state', async () => {
    await queue.addBulk([1, 2, 3].map((data) => ({ pattern: 'keep', data })));
    await queue.addBulk(['a', 'b'].map((data) => ({ pattern: 'die', data })));
    await settled();
    expect(await queue.clean('completed', { olderThanMs: 3_600_000 })).toEqual({ ids: [], hasMore: false });
    expect((await queue.clean('completed', { dryRun: true })).ids).toHaveLength(3);
    expect(await queue.clean('completed', { limit: 2 })).toMatchObject({ hasMore: true });
    expect((await queue.clean('dead', { text: '"reason":"b"' })).ids).toHaveLength(1);
    expect(await queue.counts()).toMatchObject({ completed: 1, dead: 1 });
    await expect(queue.clean('active')).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  it('cleans on until nothing is left, whatever stands in front, and counts only what it can remove', async () => {
    await commands().rpush(keysOf().incomplete, 'no message');
    await queue.addBulk(['a', 'b', 'c'].map((data) => ({ pattern: 'die', data })));
    await settled();
    const sizes: number[] = [];
    for (let hasMore = true; hasMore && sizes.length < 5;) {
      const cleaned = await queue.clean('dead', { limit: 2 });
      sizes.push(cleaned.ids.length);
      ({ hasMore } = cleaned);
    }
    expect(sizes).toEqual([2, 1]);
    expect(await commands().lrange(keysOf().incomplete, 0, -1)).toEqual(['no message']);

    await queue.pause();
    const { id } = await queue.add('keep', 1);
    const other = '{"to":"a:/","frm":"b:/","mid":"m","ts":"2026-01-01T00:00:00.000Z","typ":"other","bdy":{}}';
    const many = Array.from({ length: 10_050 }, () => other);
    for (let part = 0; part < 10; part++) await commands().lpush(keysOf().waiting, ...many);
    const found = { ids: [id], hasMore: false };
    expect(await queue.clean('waiting', { pattern: 'keep', limit: 1, dryRun: true })).toEqual(found);
    expect(await queue.clean('waiting', { pattern: 'keep', limit: 1 })).toEqual(found);
    expect((await queue.counts()).waiting).toBe(100_500);
  }, 60_000);

  it('cleans in a list out of which others leave, and what it has found rather than what has its id by now', async () => {
    for (const reason of ['a', 'b']) {
      await queue.add('die', reason, { id: 'twice', dedupMs: 1 });
      await settled();
    }
    await queue.addBulk(
      Array.from({ length: 1_200 }, (_, at) => ({ pattern: 'die', data: at % 2 ? 'x' : 'y' })),
    );
    await settled();
    expect(await queue.clean('dead', { text: '"reason":"a"' })).toEqual({ ids: ['twice'], hasMore: false });
    expect((await queue.clean('dead', { text: '"reason":"x"' })).ids).toHaveLength(600);
    const letters = await queue.deadLetters({ limit: 2_000 });
    expect(letters).toHaveLength(601);
    expect(letters[0]).toMatchObject({ id: 'twice', reason: 'b' });
  }, 60_000);

  it('redrives what passes a filter', async () => {
    await queue.addBulk(['a', 'b', 'b'].map((data) => ({ pattern: 'die', data })));
    await settled();
    await queue.pause();
    expect(await queue.redrive({ text: '"reason":"b"' }, { dryRun: true })).toHaveLength(2);
    expect(await queue.redrive({ pattern: 'other' })).toEqual([]);
    expect(await queue.redrive({ until: new Date(Date.now() - 60_000) })).toEqual([]);
    const steps: number[] = [];
    const driven = await queue.redrive(
      { pattern: 'die', text: '"reason":"b"' },
      { onProgress: (n) => steps.push(n) },
    );
    expect(driven).toHaveLength(2);
    expect(steps.at(-1)).toBe(2);
    expect(await queue.counts()).toMatchObject({ dead: 1, waiting: 2 });
    await expect(queue.redrive({ patern: 'x' } as object)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  it('obliterates a queue, not while jobs run unless it is forced, and the queue works on', async () => {
    await queue
      .add('die', 'x')
      .result()
      .catch(() => undefined);
    await queue.add('keep', 1).result();
    await queue.repeat('r', { everyMs: 3_600_000 }, 'keep', 1);
    const running = await queue.add('long', 1);
    await eventually(async () => (await queue.counts()).active === 1, { what: 'it to run' });
    await queue.pause();
    await queue.addBulk([-1, 0, 1, 3].map((priority) => ({ pattern: 'keep', data: 1, priority })));
    await expect(queue.obliterate()).rejects.toThrow(/1 jobs run/);
    expect(await queue.obliterate({ force: true, dryRun: true })).toMatchObject({ waiting: 4, active: 1 });
    await queue.obliterate({ force: true });
    expect(await queue.counts()).toMatchObject({
      waiting: 0,
      active: 0,
      dead: 0,
      completed: 0,
      isPaused: false,
    });
    expect(await queue.schedules()).toEqual([]);
    expect(await queue.get(running.id)).toBeUndefined();
    expect(await queue.add('keep', 'on').result({ timeoutMs: 10_000 })).toBe('on');
  });
});
