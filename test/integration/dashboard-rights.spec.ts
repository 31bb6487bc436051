import { ConfigStore } from '../../lib/config/config-store.js';
import type { Conditions } from '../../lib/dashboard/facts/conditions.js';
import type { Fleet } from '../../lib/dashboard/facts/fleet.js';
import { KnownNames } from '../../lib/dashboard/facts/known-names.js';
import { LogTail } from '../../lib/dashboard/facts/log-tail.js';
import type { Place } from '../../lib/dashboard/facts/place.js';
import type { ListedQueues } from '../../lib/dashboard/facts/queues.js';
import type { SeenService } from '../../lib/dashboard/facts/service.js';
import type { ListedStreams } from '../../lib/dashboard/facts/streams.js';
import type { SeenTopology } from '../../lib/dashboard/facts/topology.js';
import { Asked } from '../../lib/doctor/evidence/asked.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import type { HydraOptions } from '../../lib/index.js';
import { systemClock, type Clock } from '../../lib/runtime/clock.js';
import { atEnd } from '../support/at-end.js';
import { follow, startDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const service = uniqueService('guarded');
let url: string;

beforeAll(async () => {
  ({ url } = await startPrivateRedis());
  await startInstance({ service, redis: url });
  await connectTo(url).rpush(`hydra:service:${service}:mqincomplete`, '{}');
});

/** A user who may do everything but this, and where it finds Redis. */
async function userWithout(...rights: readonly string[]): Promise<{ name: string; redis: string }> {
  const name = uniqueService('user');
  await connectTo(url).acl('SETUSER', name, 'on', '>word', '~*', '&*', '+@all', ...rights);
  const own = new URL(url);
  own.username = name;
  own.password = 'word';
  return { name, redis: own.toString() };
}

const pageWithout = async (...rights: readonly string[]) =>
  startDashboard((await userWithout(...rights)).redis);

/** As the command line has it: no service. */
async function instanceOf(redis: string, layout: HydraOptions['layout'] = 'classic'): Promise<HydraInstance> {
  const instance = new HydraInstance(resolveOptions({ service: 'dashboard', redis, layout }));
  atEnd(() => instance.close());
  await instance.redis.connect();
  return instance;
}

function placeOf(instance: HydraInstance, clock: Clock = instance.clock): Place {
  const { redis, keys, options, queues, streams, health, id } = instance;
  const own = { redis, keys, clock, options, queues, streams, health, id };
  return { instance: own, configs: new ConfigStore(instance), isService: false };
}

/** What is told first under one name. */
async function told<T>(page: { readonly url: string }, topic: string): Promise<T> {
  const { heard, stop } = await follow(page.url, [topic]);
  const first = await eventually(() => heard[0], { what: topic });
  stop();
  expect(first.problem).toBeUndefined();
  return first.value as T;
}

describe('what a user may not read', () => {
  it('takes nothing from what the doctor finds', async () => {
    const page = await pageWithout('-mget');
    const { conditions, notLookedAt } = await told<Conditions>(page, 'conditions');
    expect(conditions.map(({ id }) => id)).toContain('queues.dead-letters');
    const gap = notLookedAt.find(({ ids }) => ids.includes('calls.errors'));
    expect(gap).toEqual({ ids: ['calls.errors', 'calls.slow'], why: expect.stringContaining('NOPERM') });
  });

  it.each([
    ['-hvals', 'registry'],
    ['-mget', 'health'],
    ['-llen', 'queue'],
  ])('is not shown as nothing in the list of services: %s', async (right, part) => {
    const { services } = await told<Fleet>(await pageWithout(right), 'fleet');
    const { unread } = services.find(({ name }) => name === service)!;
    expect(unread).toEqual({ [part]: 'not allowed to look' });
  });

  it('is not shown as nothing of one service', async () => {
    const page = await pageWithout('-llen', '-hgetall');
    const { unread, instances } = await told<SeenService>(page, `service/${service}`);
    const refused = 'not allowed to look';
    expect(unread).toEqual({ queue: refused, configurations: refused });
    expect(instances).toHaveLength(1);
  });

  it('is not shown as nobody who calls', async () => {
    const { unread, notes } = await told<SeenTopology>(await pageWithout('-hvals'), 'topology');
    expect([unread, notes]).toEqual([[service], [expect.stringContaining('registry')]]);
  });

  it('is not shown as an empty log, neither at first nor later', async () => {
    const { url: page } = await pageWithout('-hvals');
    const { heard, stop } = await follow(page, ['logs']);
    await eventually(() => heard.length > 2, { what: 'three looks' });
    stop();
    for (const { problem, value } of heard)
      expect({ problem, value }).toEqual({ problem: expect.stringContaining('registry') });
  });

  it('is not shown as an empty queue, and leaves names that nobody may look for to others', async () => {
    const { queues, notes } = await told<ListedQueues>(await pageWithout('-llen', '-scan'), 'queues');
    expect(queues).toEqual([expect.objectContaining({ service, unread: 'not allowed to look' })]);
    expect(notes).toContainEqual(expect.stringMatching(/with a name of their own: .*NOPERM/));
    const streams = await told<ListedStreams>(await pageWithout('-scan'), 'streams');
    expect(streams).toEqual({ streams: [], notes: [expect.stringContaining('NOPERM')] });
  });
});

describe('lines of logs', () => {
  it('are told after a look that could read only some of them', async () => {
    const [one, other] = ['read', 'refused'].map((name) => uniqueService(name)) as [string, string];
    const instance = await instanceOf((await userWithout()).redis, 'hash-tags');
    const { keys } = instance;
    const log = (name: string) => keys.healthLog(name, 'i1');
    const admin = connectTo(url);
    for (const name of [one, other]) {
      await admin.sadd(keys.directory, name);
      await admin.hset(keys.instances(name), 'i1', JSON.stringify({ serviceName: name, instanceID: 'i1' }));
    }
    const tail = new LogTail(placeOf(instance), {});
    await tail.read(new Asked(systemClock));
    await admin.lpush(log(one), '{"ts":"2026-01-01T00:00:00.000Z","msg":"meanwhile"}');
    await admin.set(log(other), 'no log');
    await expect(tail.read(new Asked(systemClock))).rejects.toThrow('WRONGTYPE');
    await admin.del(log(other));
    const { value } = await tail.read(new Asked(systemClock));
    expect(value).toEqual([expect.objectContaining({ service: one, text: 'meanwhile' })]);
  });
});

describe('names that could not be looked for', () => {
  it('are looked for again after some seconds, and those that were found after a minute', async () => {
    const { name, redis } = await userWithout('-scan');
    const clock = new ManualClock();
    const names = new KnownNames(placeOf(await instanceOf(redis), clock));
    const find = () => names.find(new Asked(systemClock));
    expect(await find()).toEqual({ keys: undefined, notes: [expect.stringContaining('NOPERM')] });
    await connectTo(url).acl('SETUSER', name, '+scan');
    expect((await find()).keys).toBeUndefined();
    await clock.advance(5_000);
    const found = await find();
    expect(found).toMatchObject({ keys: { failed: 0 }, notes: [] });
    await clock.advance(59_000);
    expect(await find()).toBe(found);
  });
});
