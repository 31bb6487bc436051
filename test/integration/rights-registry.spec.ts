import { Redis } from 'ioredis';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions, type HydraOptions } from '../../lib/hydra-options.js';
import { atEnd } from '../support/at-end.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startInstance } from '../support/registry.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let url: string;
let admin: Redis;

beforeAll(async () => {
  ({ url } = await startPrivateRedis());
  admin = new Redis(url);
  atEnd(() => admin.disconnect());
});

/** A user who may read everything, write what is named, and do with that whatever a command does. */
async function limitedUrl(name: string, writable: readonly string[] = []): Promise<string> {
  const keys = ['%R~*', ...writable.map((pattern) => `~${pattern}`)];
  await admin.call(
    'ACL',
    'SETUSER',
    name,
    'reset',
    'on',
    '>pw',
    '+@all',
    '-@dangerous',
    '+info',
    '&*',
    ...keys,
  );
  await admin.call('ACL', 'LOG', 'RESET');
  return url.replace('//', `//${name}:pw@`);
}

async function startWatcher(options: Partial<HydraOptions>): Promise<HydraInstance> {
  const instance = new HydraInstance(resolveOptions({ service: uniqueService('watcher'), ...options }));
  atEnd(() => instance.close());
  await instance.open();
  return instance;
}

const refusals = async () => ((await admin.call('ACL', 'LOG')) as unknown[]).map(String);

describe('a watcher without the right to write the registry of others', () => {
  it('sees within seconds who is dead, writes nothing and is refused nothing', async () => {
    const service = uniqueService('dead');
    const watcher = await startWatcher({ redis: await limitedUrl('looker') });
    const living = await startInstance({ service, redis: url, discovery: { upkeep: false } });
    await watcher.discovery.waitFor(service);
    // It stops without a word: nobody else of its service is there to take it out.
    living.redis.close();
    await eventually(() => watcher.discovery.instances(service).length === 0, {
      what: 'the dead to be left out',
      timeoutMs: 4_500,
    });
    expect(await admin.hlen(watcher.keys.instances(service))).toBe(1);
    expect(await refusals()).toEqual([]);
  });

  it('has it again once it is back', async () => {
    const service = uniqueService('back');
    const watcher = await startWatcher({ redis: await limitedUrl('looker2') });
    const living = await startInstance({ service, redis: url, discovery: { upkeep: false } });
    await watcher.discovery.waitFor(service);
    const { keys } = watcher;
    const record = (await admin.hget(keys.instances(service), living.id))!;
    living.redis.close();
    await eventually(() => watcher.discovery.instances(service).length === 0, { what: 'it to be left out' });
    // It beats again, without an announcement: it never left the index.
    expect(await admin.hget(keys.instances(service), living.id)).toBe(record);
    await admin.set(keys.presence(service, living.id), living.id, 'PX', 60_000);
    await eventually(() => watcher.discovery.instances(service).length === 1, { what: 'it to be back' });
  });

  it('lets one who may do so take the dead out for all', async () => {
    const service = uniqueService('kept');
    const looker = await startWatcher({ redis: await limitedUrl('looker3') });
    const upkeep = await startWatcher({ redis: url });
    const living = await startInstance({ service, redis: url });
    await Promise.all([looker, upkeep].map(({ discovery }) => discovery.waitFor(service)));
    living.redis.close();
    await eventually(async () => (await admin.hlen(looker.keys.instances(service))) === 0, {
      what: 'the dead to be taken out',
    });
    await eventually(() => looker.discovery.instances(service).length === 0, {
      what: 'the looker to hear it',
    });
    expect(await refusals()).toEqual([]);
  });
});

describe('a reader of configurations without the right to write', () => {
  it('reads what another program wrote, with the revision that it will have, and follows it', async () => {
    const service = uniqueService('read');
    const { store } = await openStore(service, {}, { redis: await limitedUrl('reader') });
    const hash = `hydra:service:${service}:configs`;
    await admin.hset(hash, '1.0.0', '{"limit":1}');
    expect(await store.document('1.0.0')).toMatchObject({ revision: 1, config: { limit: 1 } });
    const seen: unknown[] = [];
    const watching = store.watch().subscribe((config) => seen.push(config));
    await eventually(() => seen.length === 1, { what: 'the first' });
    await admin.hset(hash, '1.0.0', '{"limit":2}');
    await eventually(() => seen.length === 2, { what: 'the second' });
    expect(await store.history()).toMatchObject([{ revision: 1, isForeign: true, config: { limit: 2 } }]);
    expect(await store.list()).toEqual(['1.0.0']);
    watching.unsubscribe();
    expect(await admin.keys(`hydra:service:${service}:*`)).toEqual([hash]);
    expect(await refusals()).toEqual([]);

    const writer = await openStore(service, {}, { redis: url });
    await expect(writer.store.put('1.0.0', { limit: 3 }, { expect: 1 })).resolves.toMatchObject({
      revision: 2,
    });
    expect(await store.history()).toMatchObject([{ revision: 2 }, { revision: 1, isForeign: true }]);
  });
});
