import { Controller, Logger } from '@nestjs/common';

import { DeadLetter, QueuePattern, QueueService, type QueuedJob } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller, startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis, testRedisUrl } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class ResultsController {
  @QueuePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }

  @QueuePattern('hopeless')
  hopeless(): never {
    throw new DeadLetter('no such customer');
  }
}

let service: string;
let worker: TestService;
let queue: QueueService;

beforeEach(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('results');
  worker = await startService({ service, redis: await testRedisUrl() }, [ResultsController]);
  queue = worker.app.get(QueueService);
});

afterEach(() => worker.close());

/** Adds a job under an id that has just been used, and that nobody runs before the queue is resumed. */
async function addAgain(id: string, data: unknown): Promise<QueuedJob> {
  await queue.pause();
  const add = () => queue.add('echo', data, { id });
  return eventually(async () => [await add()].find(({ isNew }) => isNew), { what: 'the id to be free' });
}

describe('the result of a job', () => {
  it('is not that of an earlier job with its id', async () => {
    expect(await queue.add('echo', 'first', { id: 'reused', dedupMs: 1 }).result()).toBe('first');
    const again = await addAgain('reused', 'second');
    await expect(again.result({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(await queue.get('reused')).toMatchObject({ state: 'waiting' });
    expect(await queue.counts()).toMatchObject({ completed: 0 });
    await queue.resume();
    expect(await again.result()).toBe('second');
    expect((await queue.list('completed')).map(({ id }) => id)).toEqual(['reused']);
  });

  it('is not how an earlier job with its id died, for whoever added it and whoever came too late', async () => {
    const dead = queue.add('hopeless', {}, { id: 'reused', dedupMs: 1 });
    await expect(dead.result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    const again = await addAgain('reused', 'second');
    const known = await queue.add('echo', 'third', { id: 'reused' });
    expect(known.isNew).toBe(false);
    // Long enough to look it up.
    const results = [again, known].map((job) => job.result({ timeoutMs: 3_000 }).catch(({ code }) => code));
    expect(await Promise.all(results)).toEqual(['TIMEOUT', 'TIMEOUT']);
    await queue.resume();
    expect(await Promise.all([again.result(), known.result()])).toEqual(['second', 'second']);
  });

  it('is found although nobody listened when it died', async () => {
    const ids = ['plain', 'a "quoted" one', '7 é€😀'];
    const jobs = await Promise.all(ids.map((id) => queue.add('hopeless', {}, { id, headers: { mid: 'x' } })));
    await eventually(async () => (await queue.counts()).dead === ids.length, { what: 'the dead letters' });
    const known = await queue.add('hopeless', {}, { id: ids[1]! });
    const results = [...jobs, known].map((job) => job.result().catch(({ message }) => message));
    const texts = [...ids, ids[1]!].map((id) => `[DEAD_LETTER] job ${id}: no such customer`);
    expect(await Promise.all(results)).toEqual(texts);
  });

  it.each([Number.NaN, 0, -1, 1.5, '5', Infinity])('cannot be waited for %p ms', async (timeoutMs) => {
    const job = await queue.add('echo', 1);
    const result = job.result({ timeoutMs: timeoutMs as number });
    await expect(result).rejects.toThrow('[BAD_OPTION] timeoutMs of result must be');
  });

  it('is looked up for all who wait by one search', async () => {
    const redis = await startPrivateRedis();
    const caller = await startCaller({ service, redis: redis.url }, []);
    const adder = caller.app.get(QueueService);
    const jobs = await adder.addBulk(Array.from({ length: 200 }, (_, n) => ({ pattern: 'echo', data: n })));
    const { commands } = caller.app.get(HydraInstance).redis;
    const searches = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await commands.info('commandstats'))?.[1] ?? 0);
    const before = await searches();
    const results = jobs.map((job) => job.result({ timeoutMs: 5_000 }).catch(({ code }) => code));
    expect(new Set(await Promise.all(results))).toEqual(new Set(['TIMEOUT']));
    expect((await searches()) - before).toBeLessThan(50);
    await caller.close();
  });
});

describe('the result of a job that nobody will tell of', () => {
  it('is CANCELLED once the job is removed', async () => {
    await queue.pause();
    const later = [await queue.add('echo', 1), await queue.add('echo', 1, { delayMs: 60_000 })];
    const ends = later.map((job) => job.result({ timeoutMs: 60_000 }).catch(({ code }) => code));
    // So long as nobody listens yet, nobody is told.
    await eventually(async () => (await listeners()) > 0, { what: 'the listener' });
    for (const { id } of later) expect(await queue.remove(id)).toBe(true);
    expect(await Promise.all(ends)).toEqual(['CANCELLED', 'CANCELLED']);
  });

  it('is REPLY_LOST once a Hydra 1.x worker has done the job, and not while that runs it', async () => {
    const { redis, keys } = worker.app.get(HydraInstance);
    const { waiting, inProgress } = createQueueKeys(keys, service);
    await queue.pause();
    const job = await queue.add('echo', 1);
    const running = await queue.add('echo', 2);
    const ends = [job, running].map((each) => each.result({ timeoutMs: 90_000 }).catch(({ code }) => code));
    // Each may wake the worker, and is on its way to it and back for a moment then.
    const takeOne = async () => {
      await redis.commands.rpoplpush(waiting, inProgress);
      return (await redis.commands.llen(inProgress)) === 2;
    };
    await eventually(takeOne, { what: 'the other worker to have both' });
    const texts = await redis.commands.lrange(inProgress, 0, -1);
    const raw = texts.find((text) => text.includes(job.id))!;
    expect(await redis.commands.lrem(inProgress, 1, raw)).toBe(1);
    expect(await ends[0]).toBe('REPLY_LOST');
    const first = await Promise.race([ends[1], new Promise((resolve) => setTimeout(resolve, 2_500, 'open'))]);
    expect(first).toBe('open');
    await redis.commands.del(inProgress);
    expect(await ends[1]).toBe('REPLY_LOST');
  }, 120_000);
});

describe('large results', () => {
  it('reach who waits for them, and no event of any job is larger than 8 KiB', async () => {
    const instance = worker.app.get(HydraInstance);
    const { commands } = instance.redis;
    const { events, watched } = createQueueKeys(instance.keys, service);
    const seen: number[] = [];
    const listener = connectTo(await testRedisUrl());
    listener.on('message', (_channel: string, text: string) => seen.push(Buffer.byteLength(text)));
    await listener.subscribe(events);
    await commands.set(watched, '1', 'PX', 60_000);
    await queue.pause();
    const large = 'é€'.repeat(20_000);
    const data = Array.from({ length: 300 }, (_, n) => (n === 150 ? 'small' : large));
    const jobs = await queue.addBulk(data.map((one) => ({ pattern: 'echo', data: one })));
    const results = jobs.map((job) => job.result({ timeoutMs: 30_000 }));
    await queue.resume();
    expect(await results[150]).toBe('small');
    expect((await Promise.all(results)).every((result, n) => result === data[n])).toBe(true);
    expect(Math.max(...seen)).toBeLessThan(300_000);
    expect(seen.reduce((sum, size) => sum + size, 0)).toBeLessThan(300 * 8_192);
  }, 60_000);

  it('are REPLY_LOST where none is kept, and small ones are heard of', async () => {
    const bare = uniqueService('bare');
    const options = { service: bare, redis: await testRedisUrl(), queue: { completed: { count: 0 } } };
    const other = await startService(options, [ResultsController]);
    const add = (data: string) => other.app.get(QueueService).add('echo', data);
    await other.app.get(QueueService).pause();
    const jobs = [await add('small'), await add('x'.repeat(10_000))];
    const ends = jobs.map((job) => job.result({ timeoutMs: 20_000 }).catch(({ code }) => code));
    const { redis, keys } = other.app.get(HydraInstance);
    const { events } = createQueueKeys(keys, bare);
    const count = async () => Number((await redis.commands.pubsub('NUMSUB', events))[1]);
    await eventually(async () => (await count()) > 0, { what: 'the listener' });
    await other.app.get(QueueService).resume();
    expect(await Promise.all(ends)).toEqual(['small', 'REPLY_LOST']);
    await other.close();
  });
});

/** Processes that listen to the events of the queue. */
async function listeners(): Promise<number> {
  const { redis, keys } = worker.app.get(HydraInstance);
  const { events } = createQueueKeys(keys, service);
  return Number((await redis.commands.pubsub('NUMSUB', events))[1]);
}

describe('while Redis is away', () => {
  it('a result is late when its time is over, and comes when Redis is back before', async () => {
    const proxy = await startProxy(await testRedisUrl());
    const connection = { commandTimeoutMs: 200 };
    const caller = await startCaller({ service, redis: proxy.url, connection }, []);
    const away = caller.app.get(QueueService);
    await queue.pause();
    const [late, early] = [await away.add('echo', 1), await away.add('echo', 2)];
    proxy.freeze();
    proxy.sever();
    const { redis } = caller.app.get(HydraInstance);
    await eventually(() => redis.state === 'lost', { what: 'the loss' });
    const result = early.result({ timeoutMs: 60_000 });
    const lateResult = late.result({ timeoutMs: 300 });
    await expect(lateResult).rejects.toThrow('timeoutMs=300; Redis cannot be reached');
    // As long as a look takes to give up.
    await expect(away.add('echo', 3)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await queue.resume();
    proxy.thaw();
    expect(await result).toBe(2);
    await caller.close();
    await proxy.close();
  }, 60_000);

  it('a listener that has gone before it was heard leaves nothing behind', async () => {
    const instance = new HydraInstance(resolveOptions({ service, redis: await testRedisUrl() }));
    await instance.open();
    const { events, watched } = createQueueKeys(instance.keys, service);
    queue.events().subscribe().unsubscribe();
    // As many turns as opening takes, and more.
    for (let n = 0; n < 5; n++) await queue.counts();
    const { commands } = instance.redis;
    expect(await commands.pubsub('NUMSUB', events)).toEqual([events, 0]);
    expect(await commands.exists(watched)).toBe(0);
    await instance.close();
  });
});
