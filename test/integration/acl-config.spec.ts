import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { aclRules, ConfigStore, type AclOptions } from '../../lib/index.js';
import { startAclRedis, type AclRedis } from '../support/acl.js';
import { atEnd } from '../support/at-end.js';
import { runInProcess } from '../support/cli.js';
import { uniqueService } from '../support/unique.js';

let acl: AclRedis;
let of: string;

beforeAll(async () => {
  acl = await startAclRedis();
});

beforeEach(async () => {
  of = uniqueService('configured');
  const admin = await storeFor(acl.url);
  await admin.put('0.9.0', { limit: 0 });
  await acl.refused();
});

/** The configurations of the service, as a program sees them that registers nothing. */
async function storeFor(redis: string): Promise<ConfigStore> {
  const instance = new HydraInstance(resolveOptions({ service: 'editor', redis }));
  atEnd(() => instance.close());
  await instance.redis.connect();
  return new ConfigStore(instance).of(of);
}

async function storeWith(granted: AclOptions): Promise<ConfigStore> {
  return storeFor(await acl.userFor('editor', { roles: [], ...granted }));
}

async function readAll(store: ConfigStore): Promise<void> {
  await store.get('0.9.0');
  await store.get();
  await store.versions();
  await store.list();
  await store.history();
  await store.documentAt(1);
  await store.diff(1, '0.9.0');
}

async function writeAll(store: ConfigStore): Promise<void> {
  await store.put('1.0.0', { limit: 1 }, { by: 'Ada', why: 'more' });
  await store.put('1.0.0', { limit: 2 }, { expect: 2 });
  await store.rollback(2);
  await store.remove('1.0.0');
}

/** Redis's commands in words, those of scripts among them, from here to the end of the act. */
async function commandsOf(act: () => Promise<void>): Promise<ReadonlySet<string>> {
  await acl.admin.call('SCRIPT', 'FLUSH');
  await acl.admin.call('CONFIG', 'RESETSTAT');
  await act();
  const stats = await acl.admin.info('commandstats');
  return new Set([...stats.matchAll(/^cmdstat_([^:]+):/gm)].map(([, name = '']) => name));
}

const grantedBy = (options: AclOptions) => [
  ...new Set(
    aclRules('editor', { roles: [], ...options })
      .join(' ')
      .match(/(?<=\+)[a-z_|]+/g),
  ),
];

/** With RESP2, after two seconds, to count listeners, with the number of a database, to follow what changes. */
const OF_OTHERS = ['auth', 'ping', 'pubsub|numpat', 'pubsub|numsub', 'select', 'subscribe', 'unsubscribe'];

describe('a user who may write the configuration of another service', () => {
  it('writes and reads it, and is refused nothing', async () => {
    const store = await storeWith({ writesConfig: [of] });
    await readAll(store);
    await writeAll(store);
    expect(await acl.refused()).toEqual([]);
  });

  it('does so on the command line, together with the role reader', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hydra-config-'));
    atEnd(() => rm(folder, { recursive: true, force: true }));
    const [file, changed] = [join(folder, 'config.json'), join(folder, 'changed.json')];
    await writeFile(file, '{"limit":7}');
    await writeFile(changed, '{"limit":8}');
    const redis = await acl.userFor('nestjs-hydra-cli', { roles: ['reader'], writesConfig: [of] });
    const commands: [code: number, ...words: string[]][] = [
      [0, 'push', `${of}:1.0.0`, file, '--yes'],
      [0, 'list', of],
      [0, 'pull', `${of}:1.0.0`],
      [0, 'history', of],
      [0, 'diff', of, '0.9.0', '1.0.0'],
      [0, 'push', `${of}:1.0.0`, changed, '--why', 'more', '--yes'],
      [0, 'rollback', `${of}:1.0.0`, '2', '--yes'],
      [0, 'remove', `${of}:1.0.0`, '--yes'],
    ];
    for (const [expected, ...words] of commands) {
      const { code, err } = await runInProcess(['config', ...words, '--redis', redis]);
      expect({ words, code, err }).toEqual({
        words,
        code: expected,
        err: expect.not.stringContaining('NOPERM'),
      });
    }
    expect(await acl.refused()).toEqual([]);
  });

  it('has no right that this does not need', async () => {
    const used = await commandsOf(async () => {
      const store = await storeWith({ writesConfig: [of] });
      await readAll(store);
      await writeAll(store);
    });
    const unused = grantedBy({ writesConfig: [of] }).filter((command) => !used.has(command));
    expect(unused.toSorted()).toEqual(OF_OTHERS);
  });

  it('may not write that of anybody else', async () => {
    const store = await storeWith({ writesConfig: ['another'] });
    for (const act of [() => store.put('1.0.0', {}), () => store.rollback(1), () => store.remove('0.9.0')])
      await expect(act()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await (await storeFor(acl.url)).versions()).toHaveLength(1);
  });
});

describe('a user who may read the configuration of another service', () => {
  it('reads it, and is refused nothing', async () => {
    await readAll(await storeWith({ readsConfig: [of] }));
    expect(await acl.refused()).toEqual([]);
  });

  it('has no right that this does not need', async () => {
    const used = await commandsOf(async () => readAll(await storeWith({ readsConfig: [of] })));
    const unused = grantedBy({ readsConfig: [of] }).filter((command) => !used.has(command));
    expect(unused.toSorted()).toEqual(OF_OTHERS);
  });

  it('may not write it', async () => {
    const store = await storeWith({ readsConfig: [of] });
    for (const act of [() => store.put('1.0.0', {}), () => store.rollback(1), () => store.remove('0.9.0')])
      await expect(act()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await (await storeFor(acl.url)).versions()).toHaveLength(1);
  });
});
