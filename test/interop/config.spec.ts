import { ConfigStore } from '../../lib/index.js';
import { openStore, type OpenStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { HydraPeer } from './hydra-peer.js';

describe('configurations shared with Hydra 1.9', () => {
  let peer: HydraPeer;
  let store: ConfigStore;
  let instance: OpenStore['instance'];
  let service: string;

  beforeAll(async () => {
    peer = await HydraPeer.start({ service: uniqueService('peer'), redisUrl: await testRedisUrl() });
  });
  afterAll(() => peer.stop());

  beforeEach(async () => {
    service = uniqueService('alpha');
    ({ store, instance } = await openStore(service));
  });

  const put = (version: string, config: object) =>
    peer.call('putConfig', { label: `${service}:${version}`, config });

  it('written here are read there, and only the versions are listed', async () => {
    const config = { hydra: { serviceName: service }, limit: 5 };
    await store.put('1.10.0', config);
    await store.put('1.9.0', { limit: 4 });
    await store.put('1.9.0', { limit: 3 });
    expect(await peer.call('getConfig', { label: `${service}:1.10.0` })).toEqual(config);
    expect(await peer.call('getConfig', { label: `${service}:9.9.9` })).toBeNull();
    expect(await peer.call('listConfig', { service })).toEqual([`${service}:1.10.0`, `${service}:1.9.0`]);
  });

  it('written there are read here, get a revision and a place in the history', async () => {
    await put('1.0.0', { limit: 1 });
    expect(await store.document('1.0.0')).toEqual({ version: '1.0.0', revision: 1, config: { limit: 1 } });
    // Reading writes nothing: an instance that watches gives it its revision.
    const watching = store.watch().subscribe();
    const counter = async () => instance.redis.commands.get(instance.keys.configCounter(service));
    await eventually(async () => (await counter()) === '1', { what: 'the first to be recorded' });
    watching.unsubscribe();
    await put('1.0.0', { limit: 2 });
    expect(await store.history()).toEqual([
      expect.objectContaining({ revision: 2, isForeign: true, config: { limit: 2 } }),
      expect.objectContaining({ revision: 1, isForeign: true, config: { limit: 1 } }),
    ]);
    await store.rollback(1);
    expect(await peer.call('getConfig', { label: `${service}:1.0.0` })).toEqual({ limit: 1 });
  });

  it('written there reach who watches here', async () => {
    const seen: unknown[] = [];
    const watching = store.watch().subscribe((config) => seen.push(config));
    await put('1.0.0', { limit: 1 });
    await eventually(() => seen.length === 1, { what: 'the first' });
    await put('1.0.0', { limit: 2 });
    await eventually(() => seen.length === 2, { what: 'the second' });
    await store.put('1.0.0', { limit: 3 });
    await eventually(() => seen.length === 3, { what: 'the third, written here' });
    expect(seen).toEqual([{ limit: 1 }, { limit: 2 }, { limit: 3 }]);
    watching.unsubscribe();
  });

  it('do not disturb what Hydra lists', async () => {
    await store.put('1.0.0', { limit: 1 });
    await store.running.follow();
    const services = await peer.call('services');
    expect(services.filter((entry) => entry === null)).toEqual([]);
    expect(Object.keys(await peer.call('allRoutes'))).not.toContain(service);
    await peer.call('healthAll');
  });
});
