import { Redis } from 'ioredis';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { look, sweep } from '../../lib/registry/registry-scripts.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

let url: string;
let admin: Redis;

beforeAll(async () => {
  ({ url } = await startPrivateRedis());
  admin = new Redis(url);
  atEnd(() => admin.disconnect());
});

/** The URL of a new user who may do everything, but for these rules. */
async function urlWith(...rules: readonly string[]): Promise<string> {
  const name = uniqueService('user');
  await admin.call('ACL', 'SETUSER', name, 'reset', 'on', '>pw', '~*', '&*', '+@all', ...rules);
  return url.replace('//', `//${name}:pw@`);
}

async function startWatcher(redis: string): Promise<HydraInstance> {
  const instance = new HydraInstance(resolveOptions({ service: uniqueService('watcher'), redis }));
  atEnd(() => instance.close());
  await instance.open();
  return instance;
}

/** Each may be what is missing alone. */
const MISSING: readonly (readonly [what: string, ...rules: string[]])[] = [
  ['to move the beat of one that is late', '-zadd'],
  ['to begin an epoch anew', '-set', '(+set ~*:reprieve)'],
  ['to ask who listens', '-pubsub|numsub'],
];

describe.each(MISSING)('a watcher without the right %s', (_what, ...rules) => {
  it('looks, writes nothing, is refused nothing, and leaves the removal to who may', async () => {
    const service = uniqueService('one-missing');
    const watcher = await startWatcher(await urlWith(...rules));
    const living = await startInstance({ service, redis: url, discovery: { upkeep: false } });
    await watcher.discovery.waitFor(service);
    const instances = watcher.keys.instances(service);
    await admin.call('ACL', 'LOG', 'RESET');
    living.redis.close();
    await eventually(() => watcher.discovery.instances(service).length === 0, {
      what: 'the dead to be left out',
    });
    expect(await admin.hkeys(instances)).toEqual([living.id]);
    expect(await admin.call('ACL', 'LOG')).toEqual([]);
    const upkeep = await startWatcher(await urlWith());
    await eventually(async () => (await admin.hlen(instances)) === 0, {
      what: 'one with the right to remove it',
      timeoutMs: 10_000,
    });
    await Promise.all([upkeep.close(), watcher.close()]);
  });
});

describe('a script that looks for the dead of several services', () => {
  const keys = [0, 1].flatMap((n) => [`beats${n}`, `instances${n}`, `epoch${n}`, `reprieve${n}`]);
  const places = [0, 1].flatMap((n) => [`channel${n}`, `presence${n}:`, ':end', `to${n}:`]);
  const sizes = () => Promise.all([0, 1].map((n) => admin.hlen(`instances${n}`)));

  beforeEach(async () => {
    await admin.del(...keys);
    for (const n of [0, 1]) {
      await admin.zadd(`beats${n}`, 1, 'dead');
      await admin.hset(`instances${n}`, { dead: '{}', a: '{}', b: '{}', c: '{}' });
    }
  });

  it.each([
    ...['zadd', 'set', 'pubsub|numsub', 'zrem', 'hdel', 'incr', 'publish', 'pttl', 'hlen', 'get'],
    'zrangebyscore',
  ])('and removes them is refused aloud without %s, and removes nobody', async (right) => {
    const client = connectTo(await urlWith(`-${right}`));
    await expect(sweep.run(client, [...keys, ...places, 0], 8)).rejects.toThrow(/NOPERM/);
    expect(await sizes()).toEqual([4, 4]);
    expect(await Promise.all([0, 1].map((n) => admin.zcard(`beats${n}`)))).toEqual([1, 1]);
  });

  it('removes them with these rights alone', async () => {
    const rights = '-@all +evalsha +eval +time +ping +info +client +hello +select';
    const needed = '+zrangebyscore +zadd +zrem +hlen +hdel +pttl +set +get +incr +publish +pubsub|numsub';
    const client = connectTo(await urlWith(...`${rights} ${needed}`.split(' ')));
    await sweep.run(client, [...keys, ...places, 0], 8);
    expect(await sizes()).toEqual([3, 3]);
  });

  it('passes over what holds something else, and removes the dead of the others', async () => {
    await admin.del('beats0');
    await admin.set('beats0', 'something');
    await sweep.run(admin, [...keys, ...places, 0], 8);
    expect(await sizes()).toEqual([4, 3]);
  });

  it('removes them while Redis is full', async () => {
    await admin.hdel('instances0', 'a', 'b', 'c');
    await admin.config('SET', 'maxmemory', '1');
    try {
      await sweep.run(admin, [...keys, ...places, 0], 8);
    } finally {
      await admin.config('SET', 'maxmemory', '0');
    }
    expect(await sizes()).toEqual([0, 3]);
  });

  it.each(['zrangebyscore', 'exists', 'get'])('and only looks is refused aloud without %s', async (right) => {
    const client = connectTo(await urlWith(`-${right}`));
    const args = ['beats0', 'epoch0', 'beats1', 'epoch1', 'presence0:', ':end', 'to0:'];
    const looking = look.run(client, [...args, 'presence1:', ':end', 'to1:'], 4);
    await expect(looking).rejects.toThrow(/NOPERM|can't run|ACL failure/);
  });
});
