import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';

import { DeadLetter, HydraJobContext, QueuePattern, QueueService, type JobEvent } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { JobSearch } from '../../lib/queue/producer/job-search.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const releases: (() => void)[] = [];
let ran: unknown[] = [];

@Controller()
class HeldController {
  @QueuePattern('held', { attempts: 1 })
  async held(@Payload() data: unknown, @Ctx() job: HydraJobContext): Promise<unknown> {
    await job.log(`runs ${JSON.stringify(data)}`);
    const held = new Promise<void>((resolve) => releases.push(resolve));
    ran.push(data);
    await held;
    if (data === 'fails') throw new DeadLetter('as it should');
    return data;
  }
}

let worker: TestService;
let queue: QueueService;
let service: string;
let count = 0;
let id = '';

beforeAll(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('followers');
  worker = await startService({ service, redis: await testRedis() }, [HeldController]);
  queue = worker.app.get(QueueService);
});

afterAll(() => worker.close());

beforeEach(() => {
  ran = [];
  id = `doc-${count++}`;
});

afterEach(async () => {
  for (const release of releases.splice(0)) release();
  await queue.resume();
  await eventually(
    async () => {
      for (const release of releases.splice(0)) release();
      const { active, waiting } = await queue.counts();
      return active + waiting === 0;
    },
    { what: 'the end of all jobs', timeoutMs: 20_000 },
  );
});

const HOUR_MS = 3_600_000;

const runs = (times: number) =>
  eventually(() => ran.length === times, { what: `run ${times}`, timeoutMs: 20_000 });

async function ended(state: string, result?: unknown): Promise<void> {
  const isSo = async () => {
    const job = await queue.get(id);
    return job?.state === state && job.result === result;
  };
  await eventually(isSo, { what: `${id} to be ${state}`, timeoutMs: 20_000 });
}

/** A job has ended, and the one that was added meanwhile waits, since the queue is paused. */
async function followed(data: unknown = 1) {
  const first = await queue.add('held', data, { id, duplicate: 'keep-last' });
  await runs(1);
  const second = await queue.add('held', 2, { id, duplicate: 'keep-last' });
  await queue.pause();
  releases.shift()!();
  await eventually(async () => (await queue.get(id))?.state === 'waiting', { what: 'the follower' });
  return { first, second };
}

describe('a job that follows another one of its id', () => {
  it('goes before the outcome of that while it waits and runs', async () => {
    await followed();
    expect(await queue.get(id)).toMatchObject({ state: 'waiting', data: 2, attempts: 0 });
    expect(await queue.list('completed')).toMatchObject([{ id, result: 1 }]);
    await queue.resume();
    await runs(2);
    expect(await queue.get(id)).toMatchObject({ state: 'active', data: 2 });
    releases.shift()!();
    await ended('completed', 2);
    expect(await queue.list('completed')).toMatchObject([{ id, result: 2 }]);
  });

  it('keeps its id for as long as its own add said', async () => {
    const { redis, keys } = worker.app.get(HydraInstance);
    const { ids } = createQueueKeys(keys, service);
    await queue.add('held', 1, { id, duplicate: 'keep-last', dedupMs: 20 * HOUR_MS });
    await runs(1);
    await queue.add('held', 2, { id, duplicate: 'keep-last', dedupMs: 10 * HOUR_MS });
    releases.shift()!();
    await runs(2);
    releases.shift()!();
    await ended('completed', 2);
    expect(ran).toEqual([1, 2]);
    const hours = (Number(await redis.commands.zscore(ids, id)) - Date.now()) / HOUR_MS;
    expect(Math.ceil(hours)).toBe(10);
  });

  it('takes the place of one that waits with the time that its own add said', async () => {
    const { redis, keys } = worker.app.get(HydraInstance);
    const { ids } = createQueueKeys(keys, service);
    await queue.pause();
    await queue.add('held', 1, { id, duplicate: 'keep-last' });
    await queue.add('held', 2, { id, duplicate: 'keep-last', dedupMs: 10 * HOUR_MS });
    await queue.resume();
    await runs(1);
    releases.shift()!();
    await ended('completed', 2);
    const hours = (Number(await redis.commands.zscore(ids, id)) - Date.now()) / HOUR_MS;
    expect(Math.ceil(hours)).toBe(10);
  });

  it('is found without a search', async () => {
    await followed();
    const { redis, keys } = worker.app.get(HydraInstance);
    const search = new JobSearch(redis, createQueueKeys(keys, service));
    expect(await search.locate(id)).toMatchObject({ state: 'waiting' });
  });

  it('has its own result, and so has the first, whoever asks when', async () => {
    const { first, second } = await followed();
    const results = Promise.all([first.result(), second.result()]);
    await expect(first.result()).resolves.toBe(1);
    await queue.resume();
    await runs(2);
    expect(await queue.get(id)).toMatchObject({ state: 'active' });
    releases.shift()!();
    await expect(results).resolves.toEqual([1, 2]);
    // Only the last outcome is kept.
    await expect(first.result()).rejects.toMatchObject({ code: 'REPLY_LOST' });
    await expect(second.result()).resolves.toBe(2);
  });

  it('has its own result for who asked while the first ran', async () => {
    const first = queue.add('held', 1, { id }).result();
    await runs(1);
    const second = queue.add('held', 2, { id, duplicate: 'keep-last' }).result();
    const large = { text: 'x'.repeat(10_000) };
    const third = queue.add('held', large, { id, duplicate: 'keep-last' }).result();
    await eventually(async () => (await latest()) > 0, { what: 'the follower to be known' });
    releases.shift()!();
    await expect(first).resolves.toBe(1);
    await runs(2);
    releases.shift()!();
    await expect(Promise.all([second, third])).resolves.toEqual([large, large]);
  });

  it('is watched to its own end', async () => {
    await followed();
    const views = lastValueFrom(queue.watch(id).pipe(toArray()));
    const other = firstValueFrom(queue.watch(id));
    expect(await other).toMatchObject({ state: 'waiting', data: 2 });
    await queue.resume();
    await runs(2);
    releases.shift()!();
    const states = (await views).map(({ state, data, result }) => ({ state, data, result }));
    expect(states[0]).toEqual({ state: 'waiting', data: 2, result: undefined });
    expect(states.at(-1)).toEqual({ state: 'completed', data: 2, result: 2 });
  });

  it('is told of: the end before it says so', async () => {
    const events: JobEvent[] = [];
    const subscription = queue.events().subscribe((event) => {
      if (event.id === id) events.push(event);
    });
    await queue.add('held', 1, { id });
    await runs(1);
    await eventually(() => events.length > 0, { what: 'somebody to listen' });
    await queue.add('held', 2, { id, duplicate: 'keep-last' });
    releases.shift()!();
    await runs(2);
    releases.shift()!();
    await ended('completed', 2);
    await eventually(() => events.filter(({ type }) => type === 'completed').length === 2, {
      what: 'both ends',
    });
    subscription.unsubscribe();
    const told = events.slice(events.findIndex(({ type }) => type === 'completed'));
    expect(told).toMatchObject([
      { type: 'completed', hasFollower: true, result: 1 },
      { type: 'added' },
      { type: 'started' },
      { type: 'completed', result: 2 },
    ]);
    expect(told.at(-1)).not.toHaveProperty('hasFollower');
  });

  it.each(['waits', 'runs'])('is cancelled while it %s', async (how) => {
    await followed();
    if (how === 'runs') {
      await queue.resume();
      await runs(2);
    }
    expect(await queue.cancel(id, { reason: 'no more' })).toBe('cancelled');
    expect(await queue.get(id)).toMatchObject({ state: 'cancelled', error: 'no more' });
    expect(await queue.cancel(id)).toBe('ended');
    expect((await queue.counts()).completed).toBe(await listed());
  });

  it('keeps its id and its log when the outcome before it is removed', async () => {
    await followed();
    await queue.resume();
    await runs(2);
    expect(await queue.remove(id)).toBe(true);
    expect(await queue.remove(id)).toBe(false);
    expect(await queue.logs(id)).toMatchObject([{ text: 'runs 2' }]);
    expect((await queue.add('held', 3, { id })).isNew).toBe(false);
    releases.shift()!();
    await ended('completed', 2);
  });

  it('keeps its id when completed jobs are cleaned', async () => {
    await followed();
    expect(await queue.clean('completed')).toEqual({ ids: expect.arrayContaining([id]), hasMore: false });
    expect(await queue.get(id)).toMatchObject({ state: 'waiting', data: 2 });
    expect((await queue.add('held', 3, { id })).isNew).toBe(false);
  });

  it.each(['remove', 'drain'] as const)('takes that outcome with it on %s()', async (method) => {
    await followed();
    await (method === 'remove' ? queue.remove(id) : queue.drain());
    expect(await queue.get(id)).toBeUndefined();
    expect((await queue.counts()).completed).toBe(await listed());
    expect((await queue.add('held', 3, { id })).isNew).toBe(true);
  });

  it('does not have the result of the first when it was removed', async () => {
    const { second } = await followed();
    await queue.remove(id);
    await expect(second.result()).rejects.toMatchObject({ code: 'REPLY_LOST' });
  });

  it('goes before the dead letter of the first, which is redriven only after its end', async () => {
    const { first, second } = await followed('fails');
    await expect(first.result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    expect(await queue.get(id)).toMatchObject({ state: 'waiting', data: 2 });
    expect(await queue.redrive(id)).toEqual([]);
    expect(await queue.get(id)).toMatchObject({ state: 'waiting', data: 2 });
    await queue.resume();
    await runs(2);
    releases.shift()!();
    await expect(second.result()).resolves.toBe(2);
    expect(await queue.redrive(id)).toEqual([id]);
    await runs(3);
    expect(await queue.get(id)).toMatchObject({ state: 'active', data: 'fails' });
    expect((await queue.counts()).completed).toBe(await listed());
  });

  it('gives its outcome to who kept the first, once that has ended', async () => {
    await followed();
    const third = await queue.add('held', 3, { id });
    expect(third.isNew).toBe(false);
    const result = third.result();
    await queue.resume();
    await runs(2);
    releases.shift()!();
    await expect(result).resolves.toBe(2);
  });
});

async function latest(): Promise<number> {
  const { redis, keys } = worker.app.get(HydraInstance);
  return redis.commands.hlen(createQueueKeys(keys, service).latest);
}

async function listed(): Promise<number> {
  return (await queue.list('completed', { limit: 1_000 })).length;
}
