import { Redis } from 'ioredis';

import { atEnd } from '../support/at-end.js';
import { ownScripts } from '../support/own-scripts.js';
import { startPrivateRedis } from '../support/redis.js';
import { recordCommands, timed } from './recorded-commands.js';

/** In how many situations a script is tried: as many as an application gives it, and no more. */
const SITUATIONS = 3;
/** What lives for some seconds would lapse between two looks. */
const LONG_LIFE_MS = 3_600_000;

let admin: Redis;
let limited: Redis;
let recorded: string[][];
let commands: ReadonlySet<string>;

beforeAll(async () => {
  recorded = await recordCommands((await startPrivateRedis()).url);
  const { url } = await startPrivateRedis(['--enable-debug-command', 'local']);
  admin = new Redis(url);
  await admin.call('ACL', 'SETUSER', 'limited', 'on', 'nopass', '~*', '&*', '+@all');
  limited = new Redis(url.replace('//', '//limited:any@'));
  atEnd(() => {
    admin.disconnect();
    limited.disconnect();
  });
  const all = (await admin.call('COMMAND', 'LIST')) as string[];
  commands = new Set(all.filter((name) => !name.includes('|')).map((name) => name.toUpperCase()));
});

/** Signs of life are given before anything else is asked for: without them others would take what is handled. */
const SIGNS_OF_LIFE: Readonly<Record<string, readonly number[]>> = { 'streams.heartbeatAndClaim': [3, 4] };

/** What is there, but for some keys: digests of all values, and what groups have. */
async function contents(without: readonly string[]): Promise<string> {
  const keys = (await admin.keys('*')).filter((key) => !without.includes(key)).toSorted();
  const digest = [keys, keys.length > 0 && (await admin.call('DEBUG', 'DIGEST-VALUE', ...keys))];
  const groups = await admin.eval(
    `local all = {}
     for _, key in ipairs(redis.call('KEYS', '*')) do
       if redis.call('TYPE', key).ok == 'stream' then
         for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
           all[#all + 1] = cjson.encode({ key, group[2], group[6], group[8], redis.call('XPENDING', key, group[2], '-', '+', 100) })
         end
       end
     end
     table.sort(all)
     return all`,
    0,
  );
  // How long an entry is pending changes by itself.
  return JSON.stringify([digest, groups]).replaceAll(/,\d+,(\d+)\]/g, ',$1]');
}

/** Gives all that is there a long life, and returns what brings it back. */
async function kept(): Promise<() => Promise<void>> {
  const keys = await admin.keys('*');
  const mortal = keys.map(async (key) => (await admin.pttl(key)) >= 0 && admin.pexpire(key, LONG_LIFE_MS));
  await Promise.all(mortal);
  const values = await Promise.all(
    keys.map(async (key) => [key, await admin.pttl(key), await admin.dumpBuffer(key)] as const),
  );
  const there = values.filter(([, , value]) => value !== null);
  return async () => {
    await admin.flushall();
    await Promise.all(
      there.map(([key, ttl, value]) => admin.restore(key, Math.max(0, ttl), value, 'REPLACE')),
    );
  };
}

function commandsIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/'([A-Z]+)'/g)].map(([, word]) => word!))].filter((word) =>
    commands.has(word),
  );
}

/** What a script did although it was refused, where the right to one command is missing. */
async function halfDone(name: string, command: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const restore = await kept();
  const signs = (SIGNS_OF_LIFE[name] ?? []).map((key) => command[2 + key]!);
  let before = await contents(signs);
  for (const missing of commandsIn(command[1]!)) {
    await admin.call('ACL', 'SETUSER', 'limited', '+@all', `-${missing}`);
    const [word, ...args] = command;
    const refusal = await limited.call(word!, ...args).catch((error: Error) => error);
    const isRefused = refusal instanceof Error && /NOPERM|can't run this command/.test(refusal.message);
    if ((await contents(signs)) === before) continue;
    if (isRefused) found.push(`${name} without ${missing}`);
    await restore();
    before = await contents(signs);
  }
  return found;
}

describe('a script that may not do all that it has to', () => {
  it('does nothing, whichever command of any script is refused', async () => {
    const names = new Map(
      (await ownScripts()).filter(({ kind }) => kind === 'writes').map(({ lua, name }) => [lua, name]),
    );
    const tries = new Map<string, number>();
    const found: string[] = [];
    for (const [at, raw] of recorded.entries()) {
      const command = timed(raw, at);
      const name = raw[0] === 'eval' ? names.get(raw[1]!) : undefined;
      const count = tries.get(name ?? '') ?? 0;
      if (name !== undefined && count < SITUATIONS) {
        tries.set(name, count + 1);
        found.push(...(await halfDone(name, command)));
      }
      const [word, ...args] = command;
      await admin.call(word!, ...args).catch(() => undefined);
    }
    expect([...tries.keys()].toSorted()).toEqual([...new Set(names.values())].toSorted());
    expect([...new Set(found)]).toEqual([]);
  }, 180_000);
});
