import { Controller, Logger } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';

import { DeadLetter, HydraJobContext, QueuePattern, QueueService, Retry } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { JobSearch } from '../../lib/queue/producer/job-search.js';
import { Leftovers } from '../../lib/queue/upkeep/leftovers.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/model/queue-keys.js';
import { writeSchedule } from '../../lib/queue/model/schedule.js';
import { forgetFields } from '../../lib/queue/scripts/producer-scripts.js';
import { Scheduler } from '../../lib/queue/worker/scheduler.js';
import { OpenTicks } from '../../lib/queue/upkeep/open-ticks.js';
import { WorkerLink } from '../../lib/queue/worker/worker-link.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { allow, asOwnUser } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class DoomedController {
  @QueuePattern('done')
  done(): string {
    return 'done';
  }

  @QueuePattern('doomed')
  async doomed(@Ctx() context: HydraJobContext): Promise<never> {
    await context.progress('half of it');
    throw new DeadLetter('no use');
  }

  @QueuePattern('put-off', { attempts: 5 })
  async putOff(@Ctx() context: HydraJobContext): Promise<Retry> {
    await context.progress('some of it');
    return Retry.after(60_000);
  }
}

let service: string;
let instance: HydraInstance;
let keys: QueueKeys;

beforeEach(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('upkeep');
  instance = new HydraInstance(resolveOptions(asOwnUser({ service, redis: await testRedis() })));
  await instance.open();
  keys = createQueueKeys(instance.keys, service);
});

afterEach(() => instance.close());

describe('what is remembered of a job', () => {
  let queue: QueueService;
  let close: () => Promise<void>;
  const remembered = () =>
    Promise.all([
      instance.redis.commands.hgetall(keys.progress),
      instance.redis.commands.hgetall(keys.state),
    ]);

  beforeEach(async () => {
    const options = { service, redis: await testRedis() };
    const worker = await startService(options, [DoomedController]);
    queue = worker.app.get(QueueService);
    close = () => worker.close();
  });
  afterEach(() => close());

  it('is forgotten when it is a dead letter', async () => {
    const ids = ['plain', 'with a space', '7 é€😀'];
    for (const id of ids) {
      const job = await queue.add('doomed', {}, { id });
      await expect(job.result()).rejects.toThrow('no use');
    }
    expect(await remembered()).toEqual([{}, {}]);
    expect((await queue.deadLetters()).map(({ id }) => id)).toEqual(ids);
  });

  it('is forgotten when it is removed', async () => {
    const job = await queue.add('put-off', {});
    await eventually(async () => (await queue.get(job.id))?.state === 'delayed', { what: 'the retry' });
    expect((await queue.get(job.id))?.progress).toBe('some of it');
    expect(await queue.remove(job.id)).toBe(true);
    expect(await remembered()).toEqual([{}, {}]);
  });

  it('is nothing where nobody could ask for it, since the job has no id', async () => {
    await instance.redis.commands.lpush(keys.waiting, JSON.stringify({ to: `${service}:/`, typ: 'put-off' }));
    await eventually(async () => (await queue.counts()).delayed === 1, { what: 'the retry' });
    expect((await remembered())[0]).toEqual({});
  });
});

describe('an id that was taken', () => {
  it('is forgotten when it is free again, also where no other is taken', async () => {
    const link = new WorkerLink(instance, 'default');
    await instance.redis.commands.zadd(keys.ids, 1, 'free', Date.now() + 60_000, 'taken');
    await link.retention.look(100);
    expect(await instance.redis.commands.zrangebyscore(keys.ids, '-inf', '+inf')).toEqual(['taken']);
  });

  it('lets the ids of others end by themselves when the last job that has one is removed', async () => {
    const queue = instance.queues;
    await queue.add('anything', 1, { id: 'removed', delayMs: 60_000 });
    await instance.redis.commands.zadd(keys.ids, Date.now() + 60_000, 'taken');
    expect(await instance.redis.commands.pttl(keys.ids)).toBe(-1);
    await queue.remove('removed');
    expect(await instance.redis.commands.pttl(keys.ids)).toBeGreaterThan(60_000);
  });
});

describe('what is more than is kept', () => {
  it('is forgotten, the oldest first, also where no job ends meanwhile', async () => {
    const kept = { completed: { count: 5 }, dead: { count: 5 } };
    const options = resolveOptions(asOwnUser({ service, redis: await testRedis(), queue: kept }));
    const { commands } = instance.redis;
    const names = Array.from({ length: 50 }, (_, n) => `job ${n}`);
    await commands.rpush(keys.incomplete, ...names);
    await commands.zadd(keys.finished, ...names.flatMap((name, n) => [String(Date.now() - 50 + n), name]));
    const ended = names.map((name) => `cancelled ${name}`);
    await commands.zadd(keys.died, ...ended.flatMap((name, n) => [String(Date.now() - 50 + n), name]));
    await commands.hset(keys.results, ...[...names, ...ended].flatMap((name) => [name, '{}']));
    const { id, address, redis, clock, random, health, log } = instance;
    const context = { id, address, redis, keys: instance.keys, clock, random, health, log, options };
    const link = new WorkerLink(context, 'default');
    await link.retention.run();
    expect(await commands.lrange(keys.incomplete, 0, -1)).toEqual(names.slice(45));
    expect(await commands.zrange(keys.finished, '0', '-1')).toEqual(names.slice(45));
    expect(await commands.zrange(keys.died, '0', '-1')).toEqual(ended.slice(45));
    expect((await commands.hkeys(keys.results)).toSorted()).toEqual(
      [...names.slice(45), ...ended.slice(45)].toSorted(),
    );
  });
});

describe('what the last worker leaves behind', () => {
  it('lapses by itself, when all that is in it is too old, and no sooner', async () => {
    const ages = { completed: { ageMs: 5_000_000 }, dead: { ageMs: 9_000_000 }, dedupMs: 7_000_000 };
    const worker = await startService({ service, redis: await testRedis(), queue: ages }, [DoomedController]);
    const queue = worker.app.get(QueueService);
    const { commands } = instance.redis;
    const life = (...names: (keyof QueueKeys)[]) =>
      Promise.all(names.map((name) => commands.pttl(keys[name] as string)));
    const later = await queue.add('done', {}, { id: 'later', delayMs: 60_000 });
    expect(await life('ids')).toEqual([-1]);
    await queue.add('done', {}, { id: 'done' }).result();
    expect(await life('ids')).toEqual([-1]);
    expect((await life('results', 'finished')).every((ms) => ms > 5_000_000)).toBe(true);
    await expect(queue.add('doomed', {}, { id: 'doomed' }).result()).rejects.toThrow('no use');
    expect((await life('results', 'died')).every((ms) => ms > 9_000_000)).toBe(true);
    // The job has gone, and its id with it; that of the first lapses with the time for which it is taken.
    await queue.remove(later.id);
    await queue.add('done', {}, { id: 'last' }).result();
    const [ids = 0] = await life('ids');
    expect(ids).toBeGreaterThan(7_000_000);
    expect(ids).toBeLessThan(7_000_000 + 3_700_000);
    // Dead letters are Hydra 1.x's too.
    expect(await life('incomplete')).toEqual([-1]);
    await queue.add('done', {}, { id: 'again', delayMs: 60_000 });
    expect(await life('ids')).toEqual([-1]);
    await worker.close();
  });

  it('is forgotten by any process of the service that uses its queue', async () => {
    const hydraDead = { reason: 'x', diedOn: '2020-01-01T00:00:00.000Z', attempts: 1, history: [] };
    const letter = JSON.stringify({ to: `${service}:/`, hdr: { hydraDead }, mid: 'old', bdy: {} });
    await instance.redis.commands.rpush(keys.incomplete, letter);
    const caller = await startCaller({ service, redis: await testRedis() }, []);
    const stranger = await startCaller(
      { service: allow(uniqueService('other'), { queues: [service] }), redis: await testRedis() },
      [],
    );
    const counts = (app: typeof caller) => app.app.get(QueueService).counts({ service });
    expect((await counts(stranger)).dead).toBe(1);
    const isGone = async () => (await counts(caller)).dead === 0;
    await eventually(isGone, { what: 'the dead letter to go', timeoutMs: 20_000 });
    await Promise.all([caller.close(), stranger.close()]);
  }, 30_000);
});

describe('what is remembered of jobs that a Hydra 1.x worker ended', () => {
  it('is forgotten, and nothing of those that are there', async () => {
    const { commands } = instance.redis;
    const text = (id: string) => JSON.stringify({ to: `${service}:/`, mid: id, typ: 'nobody', bdy: {} });
    const present = ['waits', 'delayed', 'aside', 'returned', 'held', 'with Hydra'];
    await commands.lpush(keys.waiting, text('waits'));
    await commands.zadd(keys.delayed, Date.now() + 60_000, text('delayed'));
    await commands.zadd(keys.patterns, 1, 'nobody');
    await commands.lpush(keys.aside('nobody'), text('aside'));
    await commands.zadd(keys.returned, 1, text('returned'));
    await commands.zadd(keys.owners, Date.now() + 60_000, 'worker');
    await commands.hset(keys.leases('worker'), '1-1', text('held'));
    await commands.lpush(keys.inProgress, text('with Hydra'));
    for (const id of [...present, 'gone']) {
      await commands.hset(keys.state, text(id), '{"failures":1}');
      await commands.hset(keys.progress, id, '1');
      await commands.hset(keys.hints, id, '1 2');
    }
    const search = new JobSearch(instance.redis, keys);
    const leftovers = new Leftovers(instance, keys, search);
    expect(await leftovers.sweep()).toBe(3);
    expect((await commands.hkeys(keys.hints)).toSorted()).toEqual(present.toSorted());
    expect((await commands.hkeys(keys.progress)).toSorted()).toEqual(present.toSorted());
    expect((await commands.hkeys(keys.state)).toSorted()).toEqual(present.map(text).toSorted());
  });

  it('stays where the job is delayed, whatever a search of the delayed ones has missed', async () => {
    const { commands } = instance.redis;
    await commands.hset(keys.state, 'delayed', '{}', 'gone', '{}');
    await commands.zadd(keys.delayed, '1', 'delayed');
    const fields = ['delayed', '{}', 'gone', '{}'];
    expect(await forgetFields.run(commands, [keys.state, keys.delayed, ...fields])).toBe(1);
    expect(await commands.hkeys(keys.state)).toEqual(['delayed']);
  });

  it('goes page by page where it is much', async () => {
    const { commands } = instance.redis;
    for (let n = 0; n < 3_000; n++) await commands.hset(keys.progress, `gone ${n}`, '1');
    const leftovers = new Leftovers(instance, keys, new JobSearch(instance.redis, keys));
    const most = await leftovers.sweep();
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(1_000);
    const isGone = async () => (await leftovers.sweep(), await commands.hlen(keys.progress)) === 0;
    await eventually(isGone, { what: 'all of it to go' });
  });
});

describe('dead letters of whom some have no date, as Hydra 1.x leaves them,', () => {
  const AT_MOST = 100;
  const now = Date.now();
  const undated = (n: number) => JSON.stringify({ to: `${service}:/`, mid: `u${n}`, bdy: { reason: 'x' } });
  const died = (id: string, daysAgo: number) => {
    const diedOn = new Date(now - daysAgo * 86_400_000).toISOString();
    const hydraDead = { reason: 'x', diedOn, attempts: 1, history: [] };
    return JSON.stringify({ to: `${service}:/`, hdr: { hydraDead }, mid: id, bdy: {} });
  };
  const list = (from: number, count: number) => Array.from({ length: count }, (_, n) => undated(from + n));

  /** Looks until a look begins at the head again and finds nothing; the most that one of them forgot. */
  async function lookThrough(letters: readonly string[]): Promise<{ left: string[]; most: number }> {
    const link = new WorkerLink(instance, 'default');
    await instance.redis.commands.rpush(keys.incomplete, ...letters);
    let most = 0;
    // Before Redis has told its time nothing is too old.
    expect((await link.retention.look(AT_MOST)).forgotten).toBe(0);
    let from = 0;
    for (let looks = 0; looks < letters.length; looks++) {
      const { forgotten, next } = await link.retention.look(AT_MOST);
      most = Math.max(most, forgotten);
      from = next;
      if (from === 0 && forgotten === 0) break;
    }
    expect(from).toBe(0);
    return { left: await instance.redis.commands.lrange(keys.incomplete, 0, -1), most };
  }

  it('go by age with the dated ones behind them', async () => {
    const young = [undated(3), died('young', 1), undated(4)];
    const { left } = await lookThrough([
      undated(1),
      died('old', 20),
      undated(2),
      died('older than allowed', 15),
      ...young,
    ]);
    expect(left).toEqual(young);
  });

  it('are gone through in bounded looks, however many of them are at the head', async () => {
    const { left, most } = await lookThrough([...list(0, 730), died('old', 20), died('young', 1)]);
    expect(left).toEqual([died('young', 1)]);
    expect(most).toBe(AT_MOST);
  });

  it('stay while nothing tells that they are old', async () => {
    const letters = [...list(0, 250), died('young', 1), ...list(250, 10), died('old, behind', 20)];
    expect((await lookThrough(letters)).left).toEqual(letters);
  });
});

describe('the job of a tick that a Hydra 1.x worker took', () => {
  it('counts as ended once it is there no more, so that its repeating job goes on', async () => {
    const { commands } = instance.redis;
    const search = new JobSearch(instance.redis, keys);
    const ends = new OpenTicks(instance, keys, search);
    const scheduler = new Scheduler(instance, keys);
    const definition = writeSchedule({ everyMs: 3_600_000, timeZone: 'UTC', pattern: 'w', overlap: 'skip' });
    await commands.hset(keys.schedules, 'n', definition);
    const come = async () => {
      await commands.zadd(keys.ticks, 1_000, 'n');
      await scheduler.run();
    };

    await come();
    expect(await ends.sweep()).toBe(0);
    // It is where such a worker has what it works on.
    await commands.lpush(keys.inProgress, (await commands.rpop(keys.waiting))!);
    expect(await ends.sweep()).toBe(0);
    await come();
    expect(await commands.llen(keys.waiting)).toBe(0);

    await commands.del(keys.inProgress);
    const clock = new ManualClock();
    const leftovers = new Leftovers({ redis: instance.redis, log: instance.log, clock }, keys, search);
    await clock.advance(60_000);
    await leftovers.sweepWhenDue();
    expect(await ends.sweep()).toBe(0);
    expect(await commands.pttl(keys.ids)).toBeGreaterThan(0);
    await come();
    expect(await commands.llen(keys.waiting)).toBe(1);
  });
});
