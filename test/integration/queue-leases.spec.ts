import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { HydraJobContext, QueuePattern, QueueService, type HydraOptions } from '../../lib/index.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

interface Start {
  readonly key: string;
  readonly fence: number;
  readonly signal: AbortSignal;
  readonly end: () => void;
}

let starts: Start[] = [];
let ends: string[] = [];

@Controller()
class LeaseController {
  @QueuePattern('held', { concurrency: 10 })
  held(@Payload() key: string, @Ctx() { fence, signal }: HydraJobContext): Promise<void> {
    return new Promise((resolve) => starts.push({ key, fence, signal, end: resolve }));
  }

  @QueuePattern('quick', { concurrency: 2 })
  quick(@Payload() key: string): void {
    ends.push(key);
  }
}

const startsOf = (key: string) => starts.filter((start) => start.key === key);

beforeEach(() => {
  Logger.overrideLogger(false);
  starts = [];
  ends = [];
});

/** Of one instant, as a snapshot is: a job on its way from one list to another would else be in none of them. */
const DUMP_ALL = `
local dumps = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  table.insert(dumps, key)
  table.insert(dumps, redis.call('DUMP', key))
end
return dumps
`;
const PUT_BACK = `
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end
for at = 2, #ARGV, 2 do redis.call('RESTORE', ARGV[at], 0, ARGV[at + 1]) end
`;

/** All that Redis knows of a service, to be put back later: as after a crash, with a snapshot from before it. */
async function snapshot(redis: Redis, service: string): Promise<() => Promise<void>> {
  const ofService = `hydra:service:${service}:*`;
  const dumps = (await redis.callBuffer('EVAL', DUMP_ALL, 0, ofService)) as Buffer[];
  return async () => {
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await redis.call('EVAL', PUT_BACK, 0, ofService, ...dumps);
  };
}

describe('a Redis that is back with what it knew two seconds ago', () => {
  let admin: Redis;
  let options: HydraOptions & { service: string };

  beforeEach(async () => {
    const { url } = await startPrivateRedis();
    admin = new Redis(url);
    options = { service: uniqueService('back'), redis: url };
  });
  afterEach(() => admin.disconnect());

  it('gives no fence again, and nobody ends the job of another', async () => {
    const worker = await startService(options, [LeaseController]);
    const queue = worker.app.get(QueueService);
    await queue.add('held', 'before');
    await eventually(() => starts.length === 1, { what: 'the first' });
    const goBack = await snapshot(admin, options.service);
    const after = await Promise.all(['a', 'b', 'c'].map((key) => queue.add('held', key)));
    await eventually(() => starts.length === 4, { what: 'the others' });
    const fences = starts.map(({ fence }) => fence);
    await goBack();

    // Those that came after the snapshot are unknown to Redis, and their leases gone: only the first is still the worker's.
    await eventually(() => starts.slice(1).every(({ signal }) => signal.aborted), { what: 'the loss' });
    expect(starts[0]!.signal.aborted).toBe(false);
    for (const start of starts.slice(1)) start.end();
    await Promise.all(after.map(({ id }) => queue.remove(id)));
    const again = await queue.add('held', 'again');
    await eventually(() => startsOf('again').length === 1, { what: 'one that is added afterwards' });
    expect(startsOf('again')[0]!.fence).toBeGreaterThan(Math.max(...fences));
    startsOf('again')[0]!.end();
    await again.result();
    expect(await queue.counts()).toMatchObject({ active: 1, waiting: 0, completed: 1 });
    starts[0]!.end();
    await eventually(async () => (await queue.counts()).completed === 2, { what: 'the first to end' });
    await worker.close();
  }, 30_000);

  it('runs again what it takes for waiting, under a higher fence, and hears the later run alone', async () => {
    const worker = await startService(options, [LeaseController]);
    const queue = worker.app.get(QueueService);
    await queue.pause();
    const job = await queue.add('held', 'job');
    const { waiting } = createQueueKeys(worker.app.get(HydraInstance).keys, options.service);
    await eventually(async () => (await admin.llen(waiting)) === 1, { what: 'it to wait' });
    const goBack = await snapshot(admin, options.service);
    await queue.resume();
    await eventually(() => starts.length === 1, { what: 'its start' });
    await goBack();
    await queue.resume();
    await eventually(() => starts.length === 2, { what: 'its second start', timeoutMs: 15_000 });
    expect(starts[0]!.signal.aborted).toBe(true);
    expect(starts[1]!.fence).toBeGreaterThan(starts[0]!.fence);
    starts[0]!.end();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await queue.get(job.id))?.state).toBe('active');
    starts[1]!.end();
    await job.result();
    await worker.close();
  }, 30_000);
});

describe('a right that is taken away from a worker while it runs', () => {
  // Those of all scripts that a worker runs, and LREM, by which earlier ones took jobs.
  const WRITING =
    'hset hdel set zadd zrem zpopmin rpop lpush rpush lmove lpop lrem publish del pexpire pexpireat persist evalsha';
  const READING =
    'exists hget hmget hlen hkeys hgetall hrandfield get lindex zscore zmscore zcard zrange zrangebyscore zcount pttl';
  const COMMANDS = `${WRITING} ${READING}`.split(' ');

  it('costs no job, whichever it is, and all go on when it is given back', async () => {
    const { url, port } = await startPrivateRedis();
    const admin = new Redis(url);
    const tries = COMMANDS.map(async (command) => {
      const user = `without-${command}`;
      await admin.call('ACL', 'SETUSER', user, 'on', '>secret', '~*', '&*', '+@all');
      const redis = `redis://${user}:secret@127.0.0.1:${port}`;
      const service = uniqueService(user);
      // So many at once in one process keep a PING waiting.
      const connection = { pingIntervalMs: 10_000 };
      const worker = await startService({ service, redis, connection }, [LeaseController]);
      const caller = await startCaller({ service: uniqueService('adder'), redis: url, connection }, []);
      const queue = caller.app.get(QueueService);
      await queue.add('held', user, { service });
      await eventually(() => startsOf(user).length > 0, {
        what: `${command}: the first job`,
        timeoutMs: 20_000,
      });
      await admin.call('ACL', 'SETUSER', user, `-${command}`);
      const keys = ['one', 'two', 'three'].map((key) => `${user} ${key}`);
      await queue.addBulk(keys.map((data) => ({ pattern: 'quick', data, service })));
      startsOf(user)[0]!.end();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const { waiting, active, delayed, completed, dead } = await queue.counts(service);
      // Nothing is lost meanwhile, and nothing there twice.
      expect([command, waiting + active + delayed + completed + dead]).toEqual([command, 4]);
      await admin.call('ACL', 'SETUSER', user, `+${command}`);
      const isDone = async () => (await queue.counts(service)).completed === 4;
      await eventually(isDone, { what: `all without ${command} at first`, timeoutMs: 20_000 });
      expect(await queue.counts(service)).toMatchObject({ waiting: 0, active: 0, delayed: 0, dead: 0 });
      for (const key of keys) expect(ends).toContain(key);
      await worker.close();
      await caller.close();
    });
    await Promise.all(tries);
    admin.disconnect();
  }, 90_000);
});

describe('an id', () => {
  let queue: QueueService;
  let instance: HydraInstance;
  let close: () => Promise<void>;
  let later: () => Promise<void>;

  beforeEach(async () => {
    const options = { service: uniqueService('ids'), redis: await testRedis(), queue: { dedupMs: 1_500 } };
    const worker = await startService(options, [LeaseController]);
    queue = worker.app.get(QueueService);
    instance = worker.app.get(HydraInstance);
    close = () => worker.close();
    later = () => new Promise((resolve) => setTimeout(resolve, 1_600));
  });
  afterEach(() => close());

  it('is taken while its job is delayed, waits or runs, and for dedupMs after that', async () => {
    const add = (delayMs = 0) => queue.add('held', 'it', { id: 'it', delayMs });
    expect((await add(86_400_000)).isNew).toBe(true);
    await later();
    expect((await add()).isNew).toBe(false);
    expect(await queue.remove('it')).toBe(true);

    const job = await add();
    expect(job.isNew).toBe(true);
    await eventually(() => starts.length === 1, { what: 'it to run' });
    await later();
    expect((await add()).isNew).toBe(false);
    starts[0]!.end();
    await job.result();
    expect((await add()).isNew).toBe(false);
    await eventually(async () => (await add()).isNew, { what: 'it to be free' });
    await eventually(() => starts.length === 2, { what: 'the second job of it' });
    // What the first came to is not taken for the outcome of the second.
    expect((await queue.get('it'))?.state).toBe('active');
    expect((await queue.counts()).completed).toBe(0);
    starts[1]!.end();
  }, 20_000);

  it('is not given to a dead letter again while a later job has it', async () => {
    const ref = { queue: 'unread' };
    expect((await queue.add('held', 'first', { id: 'same', ...ref })).isNew).toBe(true);
    const { keys, redis, options } = instance;
    const { waiting, incomplete, ids } = createQueueKeys(keys, options.service, 'unread');
    await redis.commands.lmove(waiting, incomplete, 'RIGHT', 'RIGHT');
    await redis.commands.zrem(ids, 'same');
    expect((await queue.add('held', 'second', { id: 'same', ...ref })).isNew).toBe(true);
    expect(await queue.redrive('same', ref)).toEqual([]);
    expect(await queue.counts(ref)).toMatchObject({ waiting: 1, dead: 1 });
    expect(await queue.remove('same', ref)).toBe(true);
    expect(await queue.redrive('same', ref)).toEqual(['same']);
  });
});
