import { ConfigStore } from '../../lib/config/config-store.js';
import type { Conditions } from '../../lib/dashboard/facts/conditions.js';
import type { Fleet } from '../../lib/dashboard/facts/fleet.js';
import type { ListedQueues } from '../../lib/dashboard/facts/queues.js';
import type { ListedStreams } from '../../lib/dashboard/facts/streams.js';
import { TrafficConditions } from '../../lib/dashboard/facts/traffic-conditions.js';
import { Asked } from '../../lib/doctor/evidence/asked.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { systemClock } from '../../lib/runtime/clock.js';
import { atEnd } from '../support/at-end.js';
import { startService } from '../support/app.js';
import { follow, startDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const service = uniqueService('listed');
let url: string;
let instance: HydraInstance;
let page: { readonly url: string };

beforeAll(async () => {
  ({ url } = await startPrivateRedis());
  instance = await startInstance({ service, redis: url });
});

/** What another test has seen is not looked at again at once. */
beforeEach(async () => {
  page = await startDashboard(url);
});

/** What is told first under one name. */
async function told<T>(topic: string, at = page.url): Promise<T> {
  const { heard, stop } = await follow(at, [topic]);
  const first = await eventually(() => heard[0], { what: topic });
  stop();
  return first.value as T;
}

describe('the conditions of the dashboard', () => {
  it('have an instance that is alive and that callers leave out', async () => {
    const key = instance.keys.health(service, instance.id);
    const redis = connectTo(url);
    const text = await eventually(() => redis.get(key), { what: 'its health' });
    const health = JSON.parse(text) as { nest: { activity: object } };
    health.nest.activity = { ...health.nest.activity, breakers: { [`${service}/${instance.id}`]: 1 } };
    await redis.set(key, JSON.stringify(health), 'KEEPTTL');
    const { conditions } = await told<Conditions>('conditions');
    expect(conditions.find(({ id }) => id === 'calls.left-out')).toMatchObject({
      severity: 'warning',
      what: expect.stringContaining(`${service}/${instance.id} → ${service}/${instance.id}`),
      about: [{ service, instance: instance.id }],
    });
  });
});

describe('a service that loses Redis often', () => {
  it('is among the conditions of the dashboard', async () => {
    const name = uniqueService('lost');
    const health = { intervalMs: 500, ttlMs: 5_000 };
    const own = (await startPrivateRedis()).url;
    const { app, id } = await startService({ service: name, redis: own, health }, []);
    const { redis, keys } = app.get(HydraInstance);
    const admin = connectTo(own);
    let clientId = await redis.commands.client('ID');
    for (let losses = 0; losses < 4; losses++) {
      await admin.client('KILL', 'ID', String(clientId));
      const before = clientId;
      const other = async () => {
        clientId = await redis.commands.client('ID').catch(() => before);
        return redis.isReady && clientId !== before;
      };
      await eventually(other, { what: 'another connection', timeoutMs: 20_000 });
    }
    const warned = async () => (await admin.get(keys.health(name, id)))?.includes('lost Redis 4 times');
    await eventually(warned, { what: 'the warning in its health', timeoutMs: 20_000 });
    const { conditions } = await told<Conditions>('conditions', (await startDashboard(own)).url);
    expect(conditions.find(({ id: condition }) => condition === 'registry.warnings')).toMatchObject({
      severity: 'warning',
      what: expect.stringContaining(`${name}: connection: lost Redis 4 times in ten minutes`),
      about: expect.arrayContaining([expect.objectContaining({ service: name })]),
    });
  }, 60_000);
});

describe('what is looked for in calls', () => {
  it('takes few commands where each of many services takes its own, and says whom it leaves out', async () => {
    const { url: redis } = await startPrivateRedis();
    const own = new HydraInstance(resolveOptions({ service: 'dashboard', redis, layout: 'hash-tags' }));
    atEnd(() => own.close());
    await own.redis.connect();
    await connectTo(redis).sadd(own.keys.directory, ...Array.from({ length: 40 }, (_, n) => `s${n}`));
    const asked = new Asked(systemClock);
    const place = { instance: own, configs: new ConfigStore(own), isService: false };
    const { findings, notLookedAt } = await new TrafficConditions(place).read(asked);
    expect(asked.commands).toBeLessThanOrEqual(62);
    const why = 'only 15 of 40 services were looked at';
    expect({ findings, notLookedAt }).toEqual({
      findings: [],
      notLookedAt: [
        { ids: ['calls.errors', 'calls.slow'], why },
        { ids: ['calls.left-out'], why },
      ],
    });
  });
});

describe('the lists of the dashboard', () => {
  it('count jobs with a priority and jobs that were set aside', async () => {
    for (const priority of [-1, 1, 3]) await instance.queues.add('work', {}, { priority });
    const aside = instance.keys.own(service, 'queue', 'default', 'aside', 'lost', 'jobs');
    await connectTo(url).lpush(aside, '{}');
    await connectTo(url).zadd(instance.keys.own(service, 'queue', 'default', 'patterns'), 0, 'lost');
    const { services } = await told<Fleet>('fleet');
    expect(services[0]!.queue.waiting).toBe(4);
    const { queues, notes } = await told<ListedQueues>('queues');
    const found = { service, queue: 'default', waiting: 4, unhandled: { lost: 1, work: 2 } };
    expect([queues, notes]).toEqual([[expect.objectContaining(found)], []]);
  });

  it('have queues with a name of their own, and streams that nobody uses', async () => {
    await instance.queues.add('work', {}, { queue: 'mails' });
    await connectTo(url).xadd(instance.keys.stream('orders'), '1-0', 'data', '{}');
    await connectTo(url).xgroup('CREATE', instance.keys.stream('orders'), 'shop', '0');
    const { queues } = await told<ListedQueues>('queues');
    expect(queues.map(({ queue, waiting }) => [queue, waiting])).toContainEqual(['mails', 1]);
    const { streams } = await told<ListedStreams>('streams');
    const group = expect.objectContaining({ group: 'shop', lag: 1, pending: 0, deadLetters: 0 });
    expect(streams).toEqual([expect.objectContaining({ stream: 'orders', length: 1, groups: [group] })]);
  });
});
