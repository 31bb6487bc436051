import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';

import {
  DeadLetter,
  HydraJobContext,
  QueuePattern,
  QueueService,
  type DurableJobEvent,
  type HydraOptions,
  type JobEvent,
  type JobView,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let gates: (() => void)[] = [];
const gate = () => new Promise<void>((resolve) => gates.push(resolve));

@Controller()
class WatchedController {
  @QueuePattern('steps', { concurrency: 10 })
  async steps(@Payload() data: unknown, @Ctx() job: HydraJobContext): Promise<unknown> {
    await job.progress('half');
    await gate();
    return data;
  }

  @QueuePattern('fails once', { attempts: 2, backoff: 50 })
  async failsOnce(@Payload() data: unknown, @Ctx() { attempt }: HydraJobContext): Promise<unknown> {
    await gate();
    if (attempt === 1) throw new Error('the first time');
    return data;
  }

  @QueuePattern('doomed')
  async doomed(): Promise<never> {
    await gate();
    throw new DeadLetter('no use');
  }
}

let options: HydraOptions & { service: string };
let queue: QueueService;
let instance: HydraInstance;
let close: () => Promise<unknown>;

beforeEach(async () => {
  Logger.overrideLogger(false);
  gates = [];
  options = { service: uniqueService('watch'), redis: await testRedisUrl() };
  const worker = await startService(options, [WatchedController]);
  queue = worker.app.get(QueueService);
  instance = worker.app.get(HydraInstance);
  close = () => worker.close();
});

afterEach(() => {
  for (const open of gates) open();
  return close();
});

/** What is seen of one job, until that completes. */
function seenOf(service: QueueService, id: string) {
  const views: JobView[] = [];
  let isOver = false;
  service.watch(id).subscribe({ next: (view) => views.push(view), complete: () => (isOver = true) });
  return { views, states: () => views.map(({ state }) => state), isOver: () => isOver };
}

const begun = (count = 1) => eventually(() => gates.length === count, { what: `${count} to run` });

describe('watching a job', () => {
  it('shows it as it waits, runs, reports and completes, with what it was', async () => {
    await queue.pause();
    const job = await queue.add('steps', { n: 1 });
    const seen = seenOf(queue, job.id);
    await eventually(() => seen.views.length === 1, { what: 'its first state' });
    expect(seen.views[0]).toMatchObject({ state: 'waiting', attempts: 0, data: { n: 1 } });
    await queue.resume();
    await begun();
    await eventually(() => seen.views.some(({ progress }) => progress === 'half'), { what: 'its progress' });
    gates[0]!();
    await eventually(seen.isOver, { what: 'its end' });
    expect(seen.states()).toEqual(['waiting', 'active', 'active', 'completed']);
    expect(seen.views.at(-1)).toMatchObject({
      attempts: 1,
      data: { n: 1 },
      progress: 'half',
      result: { n: 1 },
      finishedAt: expect.any(Date),
    });
  });

  it('shows a failure and the attempt after it', async () => {
    const job = await queue.add('fails once', 1);
    await begun();
    const seen = seenOf(queue, job.id);
    await eventually(() => seen.views.length === 1, { what: 'its first state' });
    gates[0]!();
    await begun(2);
    gates[1]!();
    await eventually(seen.isOver, { what: 'its end' });
    expect(seen.states()).toEqual(['active', 'delayed', 'active', 'completed']);
    expect(seen.views[1]).toMatchObject({ attempts: 1, error: expect.stringContaining('the first time') });
    expect(seen.views[2]).toMatchObject({ attempts: 2 });
  });

  it.each(['dead', 'cancelled', 'removed'])('ends when it is %s', async (how) => {
    if (how !== 'dead') await queue.pause();
    const job = await queue.add('doomed', 1);
    const seen = seenOf(queue, job.id);
    await eventually(() => seen.views.length > 0, { what: 'its first state' });
    if (how === 'dead') {
      await begun();
      gates[0]!();
    } else await (how === 'cancelled' ? queue.cancel(job.id, { reason: 'why' }) : queue.remove(job.id));
    await eventually(seen.isOver, { what: 'its end' });
    const last = {
      dead: { state: 'dead', error: 'no use' },
      cancelled: { state: 'cancelled', error: 'why' },
    };
    if (how === 'removed') expect(seen.states()).toEqual(['waiting']);
    else expect(seen.views.at(-1)).toMatchObject(last[how as keyof typeof last]);
  });

  it('shows at once how one ended before, and completes without a value where there is none', async () => {
    const job = await queue.add('steps', 'early');
    await begun();
    gates[0]!();
    await job.result();
    const views = await lastValueFrom(queue.watch(job.id).pipe(toArray()));
    expect(views).toMatchObject([{ state: 'completed', result: 'early' }]);
    expect(await lastValueFrom(queue.watch('nobody').pipe(toArray()))).toEqual([]);
    expect(() => queue.watch('')).toThrow('id must be');
  });

  it('misses nothing that happened while its connection was lost', async () => {
    const proxy = await startProxy(await testRedisUrl());
    const caller = await startCaller({ ...options, redis: proxy.url }, []);
    const watcher = caller.app.get(QueueService);
    const job = await queue.add('steps', 'through');
    await begun();
    const seen = seenOf(watcher, job.id);
    await eventually(() => seen.views.length > 0, { what: 'its first state' });
    proxy.retarget('redis://127.0.0.1:1');
    proxy.sever();
    gates[0]!();
    await job.result();
    proxy.retarget(await testRedisUrl());
    await eventually(seen.isOver, { what: 'its end', timeoutMs: 20_000 });
    expect(seen.views.at(-1)).toMatchObject({ state: 'completed', result: 'through' });
    await caller.close();
  }, 40_000);

  it('ends no process, and no listener stays, when nobody watches any more', async () => {
    await queue.pause();
    const job = await queue.add('steps', 1);
    expect((await firstValueFrom(queue.watch(job.id))).state).toBe('waiting');
    const { commands } = instance.redis;
    const { events } = createQueueKeys(instance.keys, options.service);
    await eventually(async () => (await commands.pubsub('NUMSUB', events))[1] === 0, { what: 'it to leave' });
  });
});

describe('the events of a queue', () => {
  it('tell of a job that begins, and of one whose worker was lost', async () => {
    const events: JobEvent[] = [];
    const subscription = queue.events().subscribe((event) => events.push(event));
    const keys = createQueueKeys(instance.keys, options.service);
    const { commands } = instance.redis;
    await eventually(async () => (await commands.exists(keys.watched)) === 1, { what: 'the listener' });
    const text = (id: string) =>
      JSON.stringify({ to: `${options.service}:/`, mid: id, typ: 'steps', bdy: {} });
    const [seconds] = await commands.time();
    await commands.hset(keys.leases('ghost'), '1-1', text('lost "1"'));
    await commands.zadd(keys.owners, Number(seconds) * 1_000 - 60_000, 'ghost');
    await begun();
    const { id } = await queue.add('steps', 1);
    await begun(2);
    await eventually(() => events.some((event) => event.id === id && event.type === 'started'), {
      what: 'a start',
    });
    expect(events).toContainEqual({
      type: 'stalled',
      id: 'lost "1"',
      pattern: 'steps',
      error: expect.stringContaining('ghost'),
    });
    expect(events).toContainEqual({ type: 'started', id: 'lost "1"', pattern: 'steps' });
    subscription.unsubscribe();
  }, 20_000);

  it('are told afterwards, where they are durable, when the connection was lost meanwhile', async () => {
    const url = await testRedisUrl();
    const proxy = await startProxy(url);
    const listener = await startCaller({ ...options, redis: proxy.url }, []);
    const events: DurableJobEvent[] = [];
    const told = listener.app.get(QueueService).events({ durable: true });
    const subscription = told.subscribe((event) => events.push(event));
    const ends = () => events.flatMap((event) => (event.type === 'cancelled' ? [event.reason] : []));
    const until = (count: number) =>
      eventually(() => ends().length === count, { what: `end ${count}`, timeoutMs: 20_000 });
    const { history } = createQueueKeys(instance.keys, options.service);
    await eventually(async () => (await instance.redis.commands.exists(history)) === 1, {
      what: 'it to listen',
    });
    const end = async (reason: string) => {
      const { id } = await queue.add('steps', 1, { delayMs: 60_000 });
      await queue.cancel(id, { reason });
    };
    await end('before');
    await until(1);
    proxy.retarget('redis://127.0.0.1:1');
    proxy.sever();
    for (let n = 0; n < 10; n++) await end(`meanwhile ${n}`);
    expect(ends()).toEqual(['before']);
    proxy.retarget(url);
    await until(11);
    await end('after');
    await until(12);
    expect(ends()).toEqual(['before', ...Array.from({ length: 10 }, (_, n) => `meanwhile ${n}`), 'after']);
    expect(events.map(({ type }) => type)).not.toContain('gap');
    expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(events.length);
    subscription.unsubscribe();
    await listener.close();
  }, 60_000);
});
