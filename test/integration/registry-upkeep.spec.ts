import type { Redis } from 'ioredis';

import { LegacyBridge } from '../../lib/registry/bridge/legacy-bridge.js';
import { leave } from '../../lib/registry/registry-scripts.js';
import type { HydraInstance } from '../../lib/hydra-instance.js';
import type { Timer } from '../../lib/runtime/clock.js';
import { ManualClock } from '../support/manual-clock.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, fakeLegacyInstance, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const channelsOf = async (redis: Redis, pattern: string) =>
  (await redis.pubsub('CHANNELS', pattern)) as string[];

describe('a registry that is larger than what is held whole', () => {
  let url: string;
  let redis: Redis;
  const services = Array.from({ length: 4 }, () => uniqueService('part'));

  beforeAll(async () => {
    ({ url } = await startPrivateRedis());
    redis = connectTo(url);
    await Promise.all(services.map((service) => startInstance({ service, redis: url })));
  });

  const startReader = (maxInstances: number) =>
    startInstance(
      { service: uniqueService('reader'), redis: url, discovery: { maxInstances } },
      { announce: false },
    );

  it('is known by its names only, until somebody asks', async () => {
    const { discovery } = await startReader(2);
    expect(discovery.services().toSorted()).toEqual(expect.arrayContaining(services));
    const changes: string[] = [];
    discovery.changes$.subscribe(({ service }) => changes.push(service));
    const [asked = '', other = ''] = services;
    expect(discovery.instances(asked)).toEqual([]);
    await discovery.waitFor(asked);
    const another = await startInstance({ service: other, redis: url });
    const more = await startInstance({ service: asked, redis: url });
    await discovery.waitFor(asked, { min: 2 });
    expect(new Set(changes)).toEqual(new Set([asked]));
    await Promise.all([another.close(), more.close()]);
  });

  it('is held whole by who watches all of it', async () => {
    const { discovery } = await startReader(2);
    const seen: number[] = [];
    discovery.watch('*').subscribe((instances) => seen.push(instances.length));
    await eventually(() => services.every((service) => discovery.has(service)), { what: 'all services' });
    const late = await startInstance({ service: uniqueService('late'), redis: url });
    await eventually(() => discovery.has(late.options.service), { what: 'a service that came later' });
    expect(seen.at(-1)).toBeGreaterThanOrEqual(5);
    await late.close();
  });

  it('is let go of by who outgrew it, except for what was asked for', async () => {
    const reader = await startReader(6);
    const { discovery } = reader;
    await eventually(() => services.every((service) => discovery.routes()[service]), { what: 'the whole' });
    const [asked = '', other = ''] = services;
    await discovery.waitFor(asked);
    const crowd = await Promise.all(
      Array.from({ length: 4 }, () => startInstance({ service: other, redis: url })),
    );
    await eventually(() => Object.keys(discovery.routes()).length === 1, { what: 'the rest to be let go' });
    expect(discovery.has(asked)).toBe(true);
    expect(discovery.services()).toContain(other);
    await Promise.all(crowd.map((instance) => instance.close()));
  });

  it('keeps one subscription for a service that is asked about many times', async () => {
    const { discovery } = await startReader(0);
    const [asked = ''] = services;
    for (let count = 0; count < 1_000; count++) discovery.instances(asked);
    await discovery.waitFor(asked);
    expect(await channelsOf(redis, `*${asked}:announcements`)).toHaveLength(1);
  });
});

describe('the upkeep of shared records', () => {
  let url: string;
  let redis: Redis;
  let watcher: HydraInstance;
  let bridge: LegacyBridge;

  beforeAll(async () => {
    ({ url } = await startPrivateRedis());
    redis = connectTo(url);
    // One that is not held up by the bridge under test.
    watcher = await startInstance({ service: uniqueService('watcher'), redis: url });
    await redis.set(watcher.keys.bridge, 'test');
    const { keys, clock, random } = watcher;
    bridge = new LegacyBridge(
      { redis: watcher.redis, keys, clock, random, id: 'test' },
      {
        pruneAfterMs: 4_000,
        directoryEveryTicks: 1,
        restEveryTicks: 1,
      },
    );
    bridge.start();
  });
  afterAll(() => bridge.stop());

  const entry = (service: string, id: string, more: object = {}) =>
    redis.hset(watcher.keys.nodes, id, JSON.stringify({ serviceName: service, instanceID: id, ...more }));

  it('deletes the entries of the dead, theirs and ours, and of nobody else', async () => {
    const service = uniqueService('dead');
    await entry(service, 'f'.repeat(32));
    await entry(service, '0'.repeat(32), { nest: { wire: 2, serves: true } });
    await entry('', 'unreadable');
    const alive = fakeLegacyInstance(redis, service, '1'.repeat(32));
    await alive.beat();
    const left = async () => (await redis.hkeys(watcher.keys.nodes)).toSorted();
    const kept = ['1'.repeat(32), watcher.id, 'unreadable'].toSorted();
    expect(await left()).toHaveLength(5);
    await eventually(async () => (await left()).length === 3, {
      what: 'the dead to be pruned',
      timeoutMs: 20_000,
    });
    expect(await left()).toEqual(kept);
    alive.stop();
  });

  it('takes a late Hydra 1.x instance out of the index only if it is not back by then', async () => {
    const service = uniqueService('late');
    const id = '2'.repeat(32);
    const legacy = fakeLegacyInstance(redis, service, id);
    await legacy.beat();
    await watcher.discovery.waitFor(service);
    const { keys } = watcher;
    const indexKeys = [
      keys.presence(service, id),
      keys.beats(service),
      keys.instances(service),
      keys.epoch(service),
    ];
    const takeOut = () => leave.run(redis, [...indexKeys, id, keys.announcements(service), 'absent']);
    expect(await takeOut()).toBe(0);
    expect(await redis.exists(keys.presence(service, id))).toBe(1);
    legacy.stop();
    await redis.del(keys.presence(service, id));
    await eventually(async () => (await redis.hlen(keys.instances(service))) === 0, { what: 'it to be out' });
  });

  it('takes what died unwatched out of the index of its service, and says that it was lost', async () => {
    const service = uniqueService('unwatched');
    const id = '3'.repeat(32);
    const reader = connectTo(url);
    const { keys } = watcher;
    const told: string[] = [];
    reader.on('message', (_channel: string, text: string) => told.push(text));
    await reader.subscribe(keys.announcements(service));
    await redis.hset(keys.instances(service), id, '{}');
    await entry(service, id, { nest: { wire: 2, serves: true } });
    await eventually(async () => (await redis.hlen(keys.instances(service))) === 0, {
      what: 'it to be out',
      timeoutMs: 20_000,
    });
    await eventually(() => told.some((text) => text.endsWith(` lost ${id}`)), { what: 'the word of it' });
    await eventually(async () => (await redis.hexists(keys.nodes, id)) === 0, { what: 'its entry to go' });
  });

  it('puts the names back when the directory alone was lost, and tells those who watch', async () => {
    const service = uniqueService('listed');
    await startInstance({ service, redis: url });
    await watcher.discovery.waitFor(service);
    const isListed = async () => (await redis.sismember(watcher.keys.directory, service)) === 1;
    await eventually(isListed, { what: 'the name' });
    const listener = connectTo(url);
    const told: string[] = [];
    listener.on('message', (_channel: string, text: string) => told.push(text));
    await listener.subscribe(watcher.keys.directoryChanges);
    await redis.del(watcher.keys.directory);
    await eventually(isListed, { what: 'the name to be back', timeoutMs: 15_000 });
    await eventually(() => told.some((text) => text.includes(service)), { what: 'the word of it' });
  });

  it('takes names without an instance out of the directory, and back in with the next instance', async () => {
    const service = uniqueService('gone');
    const first = await startInstance({ service, redis: url });
    await watcher.discovery.waitFor(service);
    await first.close();
    const isListed = async () => (await redis.sismember(watcher.keys.directory, service)) === 1;
    await eventually(async () => !(await isListed()), { what: 'the name to go', timeoutMs: 20_000 });
    expect(watcher.discovery.services()).not.toContain(service);
    const second = await startInstance({ service, redis: url });
    await eventually(isListed, { what: 'the name to come back' });
    expect((await watcher.discovery.waitFor(service)).map(({ id }) => id)).toEqual([second.id]);
  });
});

describe('a Hydra 1.x instance after a restart of Redis', () => {
  it('is not buried before it had time to come back', async () => {
    const server = await startPrivateRedis();
    const redis = connectTo(server.url);
    const watcher = await startInstance({ service: uniqueService('watcher'), redis: server.url });
    const { keys } = watcher;
    const service = uniqueService('legacy');
    const id = '4'.repeat(32);
    const legacy = fakeLegacyInstance(redis, service, id);
    await legacy.beat();
    await eventually(async () => (await redis.hexists(keys.instances(service), id)) === 1, {
      what: 'its entry',
    });
    legacy.stop();
    // Its presence ends while this process has no connection.
    watcher.redis.commands.disconnect(true);
    await eventually(() => !watcher.redis.isReady, { what: 'the loss', everyMs: 0 });
    await redis.del(keys.presence(service, id));
    await eventually(() => watcher.redis.isReady, { what: 'the connection' });
    await eventually(async () => (await redis.hexists(keys.instances(service), id)) === 0, {
      what: 'its end',
      timeoutMs: 20_000,
    });
    // The bridge gives it 3 s; who watches the service looks for the dead again after 2 s.
    expect(watcher.redis.msSinceReconnect()).toBeGreaterThanOrEqual(2_000);
  });
});

describe('the processes that do not lead the upkeep', () => {
  // Up to a fifth less than the rest of the lease, of at most 3 s, and within 50 ms for each instance at random.
  it.each([
    { nodes: 1, fromMs: 2_400, toMs: 3_050 },
    { nodes: 60, fromMs: 5_390, toMs: 6_000 },
    { nodes: 5_000, fromMs: 7_390, toMs: 8_000 },
  ])('ask the more seldom for it the more there are: $nodes', async ({ nodes, fromMs, toMs }) => {
    const { url } = await startPrivateRedis();
    const redis = connectTo(url);
    const {
      keys,
      redis: connections,
      random,
    } = await startInstance({ service: uniqueService('crowd'), redis: url });
    await redis.set(keys.bridge, 'another', 'PX', 60_000);
    const others = Array.from({ length: nodes - 1 }, (_, n): [string, string] => [`node ${n}`, '{}']);
    if (others.length > 0) await redis.hset(keys.nodes, Object.fromEntries(others));
    const clock = new NotingClock();
    const late = { ...random, float: () => 0.999 };
    const bridge = new LegacyBridge({ redis: connections, keys, clock, random: late, id: 'asker' });
    bridge.start();
    await eventually(() => clock.pauses.length > 0, { what: 'the next time' });
    await bridge.stop();
    expect(clock.pauses[0]).toBeGreaterThanOrEqual(fromMs);
    expect(clock.pauses[0]).toBeLessThanOrEqual(toMs);
  });
});

/** Notes for how long each timer is set. */
class NotingClock extends ManualClock {
  readonly pauses: number[] = [];

  override setTimeout(callback: () => void, ms: number): Timer {
    this.pauses.push(ms);
    return super.setTimeout(callback, ms);
  }
}
