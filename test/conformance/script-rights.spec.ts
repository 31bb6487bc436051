import { Redis } from 'ioredis';

import { atEnd } from '../support/at-end.js';
import { ownScripts } from '../support/own-scripts.js';
import { startPrivateRedis } from '../support/redis.js';
import { recordCommands, timed } from './recorded-commands.js';

/** What lives for some seconds would lapse between two looks. */
const LONG_LIFE_MS = 3_600_000;

let admin: Redis;
let limited: Redis;
let listener: Redis;
let messages = 0;
let recorded: string[][];
let commands: ReadonlySet<string>;

beforeAll(async () => {
  recorded = await recordCommands((await startPrivateRedis()).url);
  const { url } = await startPrivateRedis(['--enable-debug-command', 'local']);
  admin = new Redis(url);
  await admin.call('ACL', 'SETUSER', 'limited', 'on', 'nopass', '~*', '&*', '+@all');
  limited = new Redis(url.replace('//', '//limited:any@'));
  listener = new Redis(url);
  listener.on('pmessage', () => messages++);
  await listener.psubscribe('*');
  atEnd(() => [admin, limited, listener].forEach((client) => client.disconnect()));
  const all = (await admin.call('COMMAND', 'LIST')) as string[];
  commands = new Set(all.map((name) => name.toUpperCase()));
});

/** Signs of life are given before anything else is asked for: without them others would take what is handled. */
const SIGNS_OF_LIFE: Readonly<Record<string, readonly number[]>> = { 'streams.heartbeatAndClaim': [3, 4] };

/**
 * Without these a script goes on: it tells of a new job where it may, a history that it may not go on with ends, and a heartbeat
 * looks at its service, and tells its own instance, where it may.
 */
const DOES_WITHOUT =
  /^queue\.addOne says nothing without EXISTS$|^registry\.beat says nothing without (GET|ZRANGEBYSCORE|PUBLISH)$|^queue\.(?!openHistory)\w+ says nothing without (XREVRANGE|XADD)$/;

/** What is there, but for some keys: digests of all values, when they end, what groups have, and how many messages there were. */
async function contents(without: readonly string[]): Promise<string> {
  const keys = (await admin.keys('*')).filter((key) => !without.includes(key)).toSorted();
  const digest = [keys, keys.length > 0 && (await admin.call('DEBUG', 'DIGEST-VALUE', ...keys))];
  const ends = await Promise.all(keys.map((key) => admin.pexpiretime(key)));
  // Its answer comes behind every message.
  await listener.ping();
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
  return JSON.stringify([digest, ends, messages, groups]).replaceAll(/,\d+,(\d+)\]/g, ',$1]');
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

/** `ZADD`, and of those that have parts each alone too: `XGROUP`, `XGROUP|SETID`. */
function commandsIn(text: string): readonly string[] {
  const words = [...text.matchAll(/'([A-Z]+)'/g)].map(([, word]) => word!);
  const parts = [...text.matchAll(/'([A-Z]+)', '([A-Z]+)'/g)].map(([, word, part]) => `${word}|${part}`);
  return [...new Set([...words, ...parts])].filter((word) => commands.has(word));
}

/** The commands that a script runs where it may run all. */
async function usedBy([word, ...args]: readonly string[]): Promise<ReadonlySet<string>> {
  await admin.call('ACL', 'SETUSER', 'limited', '+@all');
  await admin.call('CONFIG', 'RESETSTAT');
  await limited.call(word!, ...args).catch(() => undefined);
  const stats = await admin.info('commandstats');
  const names = [...stats.matchAll(/^cmdstat_([^:]+)/gm)].map(([, name]) => name!.toUpperCase());
  return new Set(names.flatMap((name) => [name, name.replace(/\|.*/, '')]));
}

async function isRefusedWithout(missing: string, [word, ...args]: readonly string[]): Promise<boolean> {
  await admin.call('ACL', 'SETUSER', 'limited', '+@all', `-${missing}`);
  const refusal = await limited.call(word!, ...args).catch((error: Error) => error);
  return refusal instanceof Error && /NOPERM|can't run this command/.test(refusal.message);
}

/**
 * What a script did although it was refused, or left out without a word, where the right to one command is missing.
 *
 * @param tried the commands that it ran in each situation before: one in which it runs the same is not tried again
 */
async function halfDone(name: string, command: readonly string[], tried: Set<string>): Promise<string[]> {
  const found: string[] = [];
  const restore = await kept();
  const used = await usedBy(command);
  const situation = [...used].toSorted().join(' ');
  await restore();
  if (tried.has(situation)) return [];
  tried.add(situation);
  const signs = (SIGNS_OF_LIFE[name] ?? []).map((key) => command[2 + key]!);
  let before = await contents(signs);
  for (const missing of commandsIn(command[1]!)) {
    const isRefused = await isRefusedWithout(missing, command);
    const unsaid = `${name} says nothing without ${missing}`;
    if (!isRefused && used.has(missing) && !DOES_WITHOUT.test(unsaid)) found.push(unsaid);
    if ((await contents(signs)) === before) continue;
    if (isRefused) found.push(`${name} does a half without ${missing}`);
    await restore();
    before = await contents(signs);
  }
  return found;
}

describe('a script that may not do all that it has to', () => {
  it('does nothing and says so, whichever command of any script is refused', async () => {
    const names = new Map(
      (await ownScripts()).filter(({ kind }) => kind === 'writes').map(({ lua, name }) => [lua, name]),
    );
    const tries = new Map<string, Set<string>>();
    const found: string[] = [];
    for (const [at, raw] of recorded.entries()) {
      const command = timed(raw, at);
      const name = raw[0] === 'eval' ? names.get(raw[1]!) : undefined;
      if (name !== undefined) {
        const tried = tries.get(name) ?? new Set();
        tries.set(name, tried);
        found.push(...(await halfDone(name, command, tried)));
      }
      const [word, ...args] = command;
      await admin.call(word!, ...args).catch(() => undefined);
    }
    expect([...tries.keys()].toSorted()).toEqual([...new Set(names.values())].toSorted());
    expect([...new Set(found)]).toEqual([]);
  }, 180_000);
});
