import { firstValueFrom, take, toArray } from 'rxjs';
import type { Redis } from 'ioredis';

import type { DiscoveryChange } from '../../lib/index.js';
import { ServiceView } from '../../lib/registry/discovery/service-view.js';
import { sweep } from '../../lib/registry/registry-scripts.js';
import type { HydraInstance } from '../../lib/hydra-instance.js';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, fakeLegacyInstance, monitored, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const INSTANCE = 'test/support/instance.process.ts';

describe('discovery', () => {
  let url: string;
  let redis: Redis;
  let watcher: HydraInstance;

  beforeAll(async () => {
    ({ url } = await startPrivateRedis());
    redis = connectTo(url);
    watcher = await startInstance({ service: uniqueService('watcher'), redis: url });
  });

  const idsOf = (service: string) => watcher.discovery.instances(service).map(({ id }) => id);
  const startProcess = (service: string) =>
    startChild(INSTANCE, { env: { HYDRA_TEST_OPTIONS: JSON.stringify({ service, redis: url }) } });

  it('is told of a join, a change and a leave', async () => {
    const service = uniqueService('pushed');
    const heard: DiscoveryChange[] = [];
    const subscription = watcher.discovery.changes$.subscribe((change) => {
      if (change.service === service) heard.push(change);
    });
    const instance = await startInstance({ service, redis: url, tags: ['eu'], metadata: { zone: 'a' } });
    await watcher.discovery.waitFor(service);
    expect(watcher.discovery.instances(service)[0]).toMatchObject({
      id: instance.id,
      version: '0.0.0',
      capabilities: { tags: ['eu'], metadata: { zone: 'a' } },
    });
    await instance.presence.update({ capabilities: { draining: true } });
    await eventually(() => watcher.discovery.instance(service, instance.id)?.capabilities?.draining, {
      what: 'draining',
    });
    await instance.close();
    await eventually(() => heard.length === 3, { what: 'three changes' });
    expect(heard.map(({ kind }) => kind)).toEqual(['join', 'change', 'leave']);
    expect(watcher.discovery.has(service)).toBe(false);
    subscription.unsubscribe();
  });

  it('gives the same frozen array until something changes', async () => {
    const service = uniqueService('frozen');
    await startInstance({ service, redis: url });
    const before = await watcher.discovery.waitFor(service);
    expect(watcher.discovery.instances(service)).toBe(before);
    expect(watcher.discovery.instances(service.toUpperCase())).toBe(before);
    expect(Object.isFrozen(before)).toBe(true);
    await startInstance({ service, redis: url });
    expect(await watcher.discovery.waitFor(service, { min: 2 })).not.toBe(before);
    expect(before).toHaveLength(1);
  });

  it('knows the services and their records', async () => {
    const service = uniqueService('listed');
    const instance = await startInstance({ service, redis: url, type: 'test' });
    await watcher.discovery.waitFor(service);
    expect(watcher.discovery.services()).toContain(service);
    expect(watcher.discovery.find(service)).toMatchObject({ service, type: 'test' });
    await instance.close();
    await eventually(() => !watcher.discovery.services().includes(service), { what: 'it to leave the list' });
    expect(watcher.discovery.find(service)).toMatchObject({ service });
  });

  it('watches one service', async () => {
    const service = uniqueService('watched');
    const counts = firstValueFrom(watcher.discovery.watch(service).pipe(take(3), toArray()));
    const instance = await startInstance({ service, redis: url });
    await watcher.discovery.waitFor(service);
    await instance.close();
    expect((await counts).map(({ length }) => length)).toEqual([0, 1, 0]);
  });

  it('fails a wait that is in vain', async () => {
    const service = uniqueService('nobody');
    await expect(watcher.discovery.waitFor(service, { min: 2, timeoutMs: 50 })).rejects.toThrow(
      `[NO_INSTANCE] 0 of 2 instances of "${service}" within timeoutMs=50`,
    );
    const closing = await startInstance(
      { service: uniqueService('closing'), redis: url },
      { announce: false },
    );
    const waiting = closing.discovery.waitFor(service);
    await closing.close();
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(closing.discovery.waitFor(service)).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('notices a SIGKILL within the life of a presence', async () => {
    const service = uniqueService('killed');
    const child = startProcess(service);
    const { id } = await child.ready;
    await watcher.discovery.waitFor(service);
    await child.kill();
    // 3 s of presence, up to a second to the next check, and room for a busy machine.
    await eventually(() => !idsOf(service).includes(String(id)), {
      what: 'the dead to vanish',
      timeoutMs: 10_000,
    });
  });

  it('drops a frozen process, and takes it back', async () => {
    const service = uniqueService('frozen');
    const child = startProcess(service);
    await child.ready;
    await watcher.discovery.waitFor(service);
    await child.kill('SIGSTOP');
    await eventually(() => idsOf(service).length === 0, { what: 'the frozen to vanish', timeoutMs: 15_000 });
    await child.kill('SIGCONT');
    await eventually(() => idsOf(service).length === 1, { what: 'its return', timeoutMs: 15_000 });
    await child.kill();
  });

  it('spares the connected, once, when most of a service seems dead at the same moment', async () => {
    const service = uniqueService('spared');
    const instances = await Promise.all([1, 2, 3].map(() => startInstance({ service, redis: url })));
    await watcher.discovery.waitFor(service, { min: 3 });
    const heard: DiscoveryChange[] = [];
    const subscription = watcher.discovery.changes$.subscribe((change) => {
      if (change.service === service) heard.push(change);
    });
    const { keys } = watcher;
    // As after a Redis that stood still: every presence has lapsed, nobody could renew it.
    const args = [
      ...[keys.beats(service), keys.instances(service), keys.epoch(service), keys.own(service, 'reprieve')],
      ...[
        keys.announcements(service),
        ...keys.presence(service, '\n').split('\n'),
        keys.instanceChannel(service, ''),
      ],
    ];
    await redis
      .multi([
        ...instances.map(({ id }) => ['del', keys.presence(service, id)]),
        ...instances.map(({ id }) => ['zadd', keys.beats(service), '1', id]),
      ])
      .exec();
    await watcher.redis.run('sweep', (client) => sweep.run(client, args, 4));
    expect(await redis.hlen(keys.instances(service))).toBe(3);
    await eventually(
      () => redis.exists(instances.map(({ id }) => keys.presence(service, id))).then((n) => n === 3),
      {
        what: 'new heartbeats',
      },
    );
    expect(heard).toEqual([]);
    subscription.unsubscribe();
  });

  it('is repaired when an announcement was missed', async () => {
    const service = uniqueService('missed');
    const instance = await startInstance({ service, redis: url });
    await watcher.discovery.waitFor(service);
    const { keys } = watcher;
    const record = JSON.stringify({
      serviceName: service,
      instanceID: 'ghost',
      nest: { wire: 2, serves: true },
    });
    // What a lost announcement leaves: the index has changed, and its epoch; nobody was told.
    await redis.hset(keys.instances(service), 'ghost', record);
    await redis.zadd(keys.beats(service), Date.now() + 60_000, 'ghost');
    await redis.incr(keys.epoch(service));
    await eventually(() => idsOf(service).includes('ghost'), { what: 'the missed join' });
    await redis.hdel(keys.instances(service), 'ghost');
    await redis.incr(keys.epoch(service));
    await eventually(() => !idsOf(service).includes('ghost'), {
      what: 'the missed leave',
      timeoutMs: 10_000,
    });
    expect(idsOf(service)).toEqual([instance.id]);
  });

  it('keeps what it hears while it reads an index that is older', async () => {
    const service = uniqueService('overtaken');
    const instance = await startInstance({ service, redis: url });
    await watcher.discovery.waitFor(service);
    const epoch = Number(await redis.get(watcher.keys.epoch(service)));
    const changes: string[] = [];
    const view = new ServiceView(service, watcher, ({ kind }) => changes.push(kind));
    await view.load();
    const record = (id: string) => JSON.stringify({ serviceName: service, instanceID: id });
    const reading = view.load();
    view.hear(`${epoch + 1} join ${record('newcomer')}`);
    view.hear(`${epoch + 2} leave ${instance.id}`);
    await reading;
    expect(view.instances.map(({ id }) => id)).toEqual(['newcomer']);
    expect(changes).toEqual(['join', 'join', 'leave']);
  });

  it('is not moved by late announcements, nor by what is none', async () => {
    const service = uniqueService('late');
    const instance = await startInstance({ service, redis: url });
    await watcher.discovery.waitFor(service);
    const channel = watcher.keys.announcements(service);
    for (const wire of [
      `1 leave ${instance.id}`,
      `1 join {"x":1}`,
      'nonsense',
      '',
      `9 boom ${instance.id}`,
      '5 join not json',
    ])
      await redis.publish(channel, wire);
    // A change that is announced after them shows that they were all read.
    await instance.presence.update({ capabilities: { metadata: { seen: 'yes' } } });
    await eventually(
      () => watcher.discovery.instance(service, instance.id)?.capabilities?.metadata?.['seen'],
      {
        what: 'the change after them',
      },
    );
    expect(idsOf(service)).toEqual([instance.id]);
  });

  it('does not care what time an instance thinks it is', async () => {
    const service = uniqueService('skewed');
    const legacy = fakeLegacyInstance(redis, service, 'a'.repeat(32));
    await legacy.beat();
    const instance = await startInstance({ service, redis: url });
    await watcher.discovery.waitFor(service, { min: 2 });
    const { keys } = watcher;
    for (const updatedOn of ['1970-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z', 'yesterday']) {
      const record = JSON.stringify({ serviceName: service, instanceID: instance.id, updatedOn });
      await redis.hset(keys.nodes, instance.id, record);
      await redis.hset(keys.instances(service), instance.id, record);
      await redis.incr(keys.epoch(service));
      await eventually(() => watcher.discovery.instance(service, instance.id)?.updatedOn === updatedOn, {
        what: `the record of ${updatedOn}`,
      });
      expect(idsOf(service)).toHaveLength(2);
    }
    legacy.stop();
  });

  it('tells a change that was made while Redis was away', async () => {
    const service = uniqueService('away');
    const instance = await startInstance({ service, redis: url });
    await watcher.discovery.waitFor(service);
    instance.redis.commands.disconnect(true);
    await instance.presence.update({ capabilities: { metadata: { made: 'offline' } } });
    await eventually(
      () => watcher.discovery.instance(service, instance.id)?.capabilities?.metadata?.['made'],
      {
        what: 'the change',
      },
    );
  });

  it('is whole again after a FLUSHALL within a heartbeat, and reports nobody gone meanwhile', async () => {
    const service = uniqueService('flushed');
    const instances = await Promise.all(
      Array.from({ length: 5 }, () => startInstance({ service, redis: url })),
    );
    await watcher.discovery.waitFor(service, { min: 5 });
    await Promise.all(instances.map(({ presence }) => presence.setRoutes(['[get]/v1/x'])));
    await eventually(() => watcher.discovery.routes(service)[service]?.length === 4, { what: 'the routes' });
    const counts: number[] = [];
    const subscription = watcher.discovery.watch(service).subscribe(({ length }) => counts.push(length));
    const routesBefore = watcher.discovery.routes(service);
    await redis.flushall();
    const flushedAt = performance.now();
    await eventually(async () => (await redis.hlen(watcher.keys.instances(service))) === 5, {
      what: 'all five in the index',
    });
    await eventually(() => redis.sismember(watcher.keys.directory, service), {
      what: 'the name in the directory',
    });
    await eventually(
      () => redis.exists(watcher.keys.service(service), watcher.keys.routes(service)).then((n) => n === 2),
      {
        what: 'the service record and its routes',
      },
    );
    // Longer than the grace: whoever had not come back would be gone now.
    await eventually(() => performance.now() - flushedAt > 4_000, { what: 'the grace to end' });
    expect(new Set(counts)).toEqual(new Set([5]));
    expect(idsOf(service).toSorted()).toEqual(instances.map(({ id }) => id).toSorted());
    await eventually(() => watcher.discovery.routes(service)[service]?.length === 4, {
      what: 'the routes in memory',
    });
    expect(watcher.discovery.routes(service)).toEqual(routesBefore);
    subscription.unsubscribe();
  });

  it('never scans, however full the database is', async () => {
    await redis.eval(`for i = 1, 100000 do redis.call('SET', 'foreign:' .. i .. ':presence', 'x') end`, 0);
    const service = uniqueService('unscanned');
    const commands = await monitored(url, async () => {
      const legacy = fakeLegacyInstance(redis, service, 'b'.repeat(32));
      await legacy.beat();
      const newcomer = await startInstance({ service: uniqueService('newcomer'), redis: url });
      const instance = await startInstance({ service, redis: url });
      await newcomer.discovery.waitFor(service, { min: 2 });
      await newcomer.discovery.health(service);
      await newcomer.discovery.logs(service);
      newcomer.discovery.routes();
      await instance.close();
      await newcomer.close();
      legacy.stop();
    });
    const names = new Set(commands.map(([name = '']) => name.toLowerCase()));
    expect(names).toContain('evalsha');
    for (const name of ['scan', 'keys', 'sscan', 'hscan', 'zscan']) expect(names).not.toContain(name);
  });
});

describe('Hydra 1.x instances', () => {
  let url: string;
  let redis: Redis;
  let watcher: HydraInstance;

  beforeAll(async () => {
    ({ url } = await startPrivateRedis());
    redis = connectTo(url);
    watcher = await startInstance({ service: uniqueService('watcher'), redis: url });
  });

  it('appear and vanish', async () => {
    const service = uniqueService('legacy');
    const legacy = fakeLegacyInstance(redis, service, 'c'.repeat(32));
    await legacy.beat();
    const [found] = await watcher.discovery.waitFor(service);
    expect(found).toMatchObject({ id: 'c'.repeat(32), service, version: '1.0.0' });
    expect(found).not.toHaveProperty('capabilities');
    legacy.stop();
    await eventually(() => !watcher.discovery.has(service), { what: 'it to vanish', timeoutMs: 15_000 });
  });

  it('are taken over by another process when the one that looks after them dies', async () => {
    const { url: own } = await startPrivateRedis();
    const plain = connectTo(own);
    const service = uniqueService('heirs');
    const child = startChild(INSTANCE, {
      env: { HYDRA_TEST_OPTIONS: JSON.stringify({ service: uniqueService('holder'), redis: own }) },
    });
    const { id } = await child.ready;
    await eventually(async () => (await plain.get('hydra:service:bridge')) === id, { what: 'the office' });
    const heir = await startInstance({ service: uniqueService('heir'), redis: own });
    await child.kill();
    const legacy = fakeLegacyInstance(plain, service, 'd'.repeat(32));
    await legacy.beat();
    await eventually(() => heir.discovery.has(service), { what: 'the heir to find it', timeoutMs: 15_000 });
    legacy.stop();
  });

  it('need not be JSON, nor name themselves: what cannot be read is left alone', async () => {
    const service = uniqueService('strange');
    await redis.hset('hydra:service:nodes', {
      broken: '{',
      empty: '{}',
      other: '{"serviceName":"x","instanceID":"y"}',
    });
    const legacy = fakeLegacyInstance(redis, service, 'e'.repeat(32));
    await legacy.beat();
    await watcher.discovery.waitFor(service);
    legacy.stop();
    expect(await redis.hlen('hydra:service:nodes')).toBeGreaterThanOrEqual(4);
  });
});

describe('two environments on one Redis', () => {
  it('do not see each other', async () => {
    const { url } = await startPrivateRedis();
    const redis = connectTo(url);
    const service = uniqueService('twin');
    const one = await startInstance({ service, redis: url, namespace: 'blue' });
    const other = await startInstance({ service, redis: url, namespace: 'green' });
    const both = await Promise.all([one, other].map(({ discovery }) => discovery.waitFor(service)));
    expect(both.map((instances) => instances.map(({ id }) => id))).toEqual([[one.id], [other.id]]);
    await eventually(async () => (await redis.hlen('blue:service:nodes')) === 1, { what: 'the nodes entry' });
    expect(await redis.exists('hydra:service:nodes', 'hydra:service:directory')).toBe(0);
  });
});
