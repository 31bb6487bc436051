import { Logger } from '@nestjs/common';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/model/queue-keys.js';
import { idOfTick, writeSchedule } from '../../lib/queue/model/schedule.js';
import { JobInspector } from '../../lib/queue/producer/job-inspector.js';
import { Purge } from '../../lib/queue/producer/purge.js';
import { Schedules } from '../../lib/queue/producer/schedules.js';
import { Scheduler } from '../../lib/queue/worker/scheduler.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const HOUR_MS = 3_600_000;
const PATIENCE = { timeoutMs: 15_000 };

let service: string;
let instance: HydraInstance;
let keys: QueueKeys;
let schedules: Schedules;
let scheduler: Scheduler;

beforeEach(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('ticks');
  instance = new HydraInstance(resolveOptions({ service, redis: await testRedis() }));
  await instance.open();
  keys = createQueueKeys(instance.keys, service);
  schedules = new Schedules(instance, keys, service);
  // No worker is there: ticks are fired when a test says so.
  scheduler = new Scheduler(instance, keys);
});

afterEach(async () => {
  schedules.close();
  await instance.close();
});

const now = async () => {
  const [seconds, micros] = await instance.redis.commands.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
};
const set = (data: unknown, options: Parameters<Schedules['set']>[3] = {}, everyMs = HOUR_MS) =>
  schedules.set('n', { everyMs }, { pattern: 'work', data }, options);
const tickOf = async (name = 'n') => {
  const score = await instance.redis.commands.zscore(keys.ticks, name);
  return score === null ? undefined : Number(score);
};
const moveTick = (at: number) => instance.redis.commands.zadd(keys.ticks, at, 'n');
const jobs = async () => {
  const texts = await instance.redis.commands.lrange(keys.waiting, 0, -1);
  return texts.map((text) => JSON.parse(text) as { mid: string; bdy: unknown }).toReversed();
};
const ids = async () => (await jobs()).map(({ mid }) => mid);

/** A repeating job as it is stored, whoever stored it. */
async function store(name: string, schedule: object, tick: number): Promise<void> {
  const definition = writeSchedule({ pattern: 'work', timeZone: 'UTC', ...schedule });
  await instance.redis.commands.hset(keys.schedules, name, definition);
  await instance.redis.commands.zadd(keys.ticks, tick, name);
}

describe('a repeating job that this version cannot run', () => {
  it.each([5, 'urgent'])(
    'holds up no other, and is looked at later, for its priority %j',
    async (priority) => {
      const at = (await now()) - 1_000;
      await store('bad', { everyMs: HOUR_MS, priority }, at - 1_000);
      await store('good', { everyMs: HOUR_MS }, at);
      await scheduler.run();
      expect(await ids()).toContain(idOfTick('good', at));
      expect(await tickOf('good')).toBeGreaterThan(at);
      expect(await instance.redis.commands.hexists(keys.schedules, 'bad')).toBe(1);
      const later = (await tickOf('bad'))! - (await now());
      expect(later).toBeGreaterThan(30_000);
      expect(later).toBeLessThanOrEqual(60_000);
    },
  );
});

describe('a repeating job that is set again with other data', () => {
  it('keeps the tick that is due, and no later one', async () => {
    await set('old');
    const due = (await now()) - 5_000;
    await moveTick(due);
    await set('new');
    await scheduler.run();
    expect(await jobs()).toMatchObject([{ mid: idOfTick('n', due), bdy: 'new' }]);
    const later = (await now()) + 2 * HOUR_MS;
    await moveTick(later);
    await set('newest');
    expect(await tickOf()).toBeLessThan(later);
  });

  it('keeps no tick from before its new start', async () => {
    await set('old');
    await moveTick((await now()) - 5_000);
    const startAt = new Date((await now()) + HOUR_MS);
    await set('new', { startAt });
    expect(await tickOf()).toBe(startAt.getTime());
  });

  it('has no tick twice, at whichever part of a second it is set', async () => {
    // Ticks are 100 ms apart: the last one was in this very second, nearly always.
    for (let round = 0; round < 20; round++) {
      await set(`old ${round}`, {}, 100);
      const tick = (await tickOf())!;
      await eventually(async () => (await now()) >= tick, { what: 'its tick', ...PATIENCE });
      await scheduler.run();
      expect(await ids()).toContain(idOfTick('n', tick));
      await set(`new ${round}`, {}, 100);
      expect(await tickOf()).toBeGreaterThan(tick);
    }
    const all = await ids();
    expect(new Set(all).size).toBe(all.length);
  }, 30_000);

  it('has no tick twice where the clock of Redis went back', async () => {
    await set('old');
    const ahead = (await tickOf())!;
    await instance.redis.commands.hset(keys.ticked, 'n', `1 ${ahead}`);
    await set('new');
    expect(await tickOf()).toBe(ahead + HOUR_MS);
  });

  it('is begun at once when it is set for the first time, and not with each change', async () => {
    await set('old', { atOnce: true });
    await scheduler.run();
    expect(await jobs()).toMatchObject([{ bdy: 'old' }]);
    await set('new', { atOnce: true });
    await scheduler.run();
    expect(await jobs()).toHaveLength(1);
    expect(await tickOf()).toBeGreaterThan(await now());
    await schedules.end('n');
    await set('new', { atOnce: true });
    await scheduler.run();
    expect(await jobs()).toHaveLength(2);
  });
});

describe('a repeating job with an end', () => {
  const isThere = async () => (await instance.redis.commands.hexists(keys.schedules, 'n')) === 1;

  it('has no job after it that makes up for ticks without a worker', async () => {
    const at = await now();
    await store('n', { everyMs: 1_000, endAt: at - 10_000 }, at - 11_000);
    await scheduler.run();
    expect(await ids()).toEqual([]);
    expect(await isThere()).toBe(false);
  });

  it('has its job of a tick that comes just before it', async () => {
    const at = (await now()) - 100;
    await store('n', { everyMs: 1_000, endAt: at }, at);
    await scheduler.run();
    expect(await ids()).toEqual([idOfTick('n', at)]);
    expect(await isThere()).toBe(false);
  });

  it('holds no tick back beyond it', async () => {
    const at = await now();
    const endAt = at + 400;
    await store('n', { everyMs: 100, endAt, overlap: 'queue' }, at - 1);
    await instance.redis.commands.hset(keys.ticked, 'n', `1 ${at - 100}`);
    await instance.redis.commands.zadd(keys.ids, -60_000, idOfTick('n', at - 100));
    await scheduler.run();
    expect(await tickOf()).toBe(endAt);
    await eventually(async () => (await now()) >= endAt, { what: 'its end', ...PATIENCE });
    await scheduler.run();
    expect(await ids()).toEqual([]);
    expect(await isThere()).toBe(false);
  });
});

describe('a queue that is obliterated', () => {
  it('loses its repeating jobs in the same step, also those that this version cannot read', async () => {
    await set('old');
    await store('bad', { everyMs: 'often' }, 1);
    await instance.redis.commands.hset(keys.ticked, 'bad', '1 1');
    const mark = await instance.redis.commands.hget(keys.schedules, '');
    const purge = new Purge(instance.redis, keys, new JobInspector(instance.redis, keys, 60_000));
    expect(await purge.obliterate({ dryRun: true })).toMatchObject({ waiting: 0 });
    expect(await instance.redis.commands.hlen(keys.schedules)).toBe(3);
    await purge.obliterate({});
    // The mark stays: who set them sees that somebody ended them, and that Redis did not lose them.
    expect(await instance.redis.commands.hgetall(keys.schedules)).toEqual({ '': mark });
    expect(await instance.redis.commands.pttl(keys.schedules)).toBeGreaterThan(0);
    expect(await instance.redis.commands.exists(keys.ticks, keys.ticked)).toBe(0);
  });
});
