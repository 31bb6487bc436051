import { StringValue } from '../data/string-value.js';
import { matchesGlob } from '../protocol/glob.js';
import { integer, parseInteger } from '../protocol/numbers.js';
import { CommandError, OK, Status, syntaxError } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import { dump, restore } from './dumping.js';
import { pickRandom } from './picking.js';
import { scanItems } from './scanning.js';
import { invalidExpire } from './strings.js';

export const keyCommands: CommandFamily = {
  del: ({ database }, keys) => keys.filter((key) => database.delete(key)).length,
  unlink: ({ database }, keys) => keys.filter((key) => database.delete(key)).length,
  exists: ({ database }, keys) => keys.filter((key) => database.has(key)).length,
  touch: ({ database }, keys) => keys.filter((key) => database.has(key)).length,
  type: ({ database }, [key]) => new Status(database.typeOf(key!)),
  keys: ({ database }, [pattern]) => database.keys().filter((key) => matchesGlob(pattern!, key)),

  scan({ database }, [cursor, ...words]) {
    const typeOf = (key: string) => database.typeOf(key);
    const { next, found } = scanItems(database.keys(), cursor!, words, (key) => key, typeOf);
    return [next, found];
  },

  dump: (context, [key]) => dump(context, key!),
  restore: (context, argv) => restore(context, argv),

  dbsize: ({ database }) => database.keys().length,
  randomkey: ({ database, server }) => pickRandom(database.keys(), 1, server.random)[0] ?? null,

  expire: (context, [key, seconds, ...how]) => expire(context, 'expire', key!, seconds!, 1_000, how),
  pexpire: (context, [key, ms, ...how]) => expire(context, 'pexpire', key!, ms!, 1, how),
  expireat: (context, [key, at, ...how]) => expire(context, 'expireat', key!, at!, 1_000, how),
  pexpireat: (context, [key, at, ...how]) => expire(context, 'pexpireat', key!, at!, 1, how),
  ttl: (context, [key]) => timeLeft(context, key!, (ms) => Math.floor((ms + 500) / 1_000)),
  pttl: (context, [key]) => timeLeft(context, key!, (ms) => ms),
  expiretime: ({ database }, [key]) => endTime(database, key!, 1_000),
  pexpiretime: ({ database }, [key]) => endTime(database, key!, 1),

  persist({ database }, [key]) {
    if (!database.has(key!) || !database.persist(key!)) return 0;
    database.changed(key!);
    return 1;
  },

  rename(context, [from, to]) {
    rename(context, from!, to!);
    return OK;
  },

  renamenx(context, [from, to]) {
    if (context.database.has(from!) && context.database.has(to!)) return 0;
    rename(context, from!, to!);
    return 1;
  },

  copy(context, [from, to, ...words]) {
    const { database } = context;
    const value = database.get(from!);
    if (words.some((word) => word.toLowerCase() !== 'replace')) throw syntaxError();
    if (from === to) throw new CommandError('ERR source and destination objects are the same');
    if (!value || (words.length === 0 && database.has(to!))) return 0;
    const expiry = database.expiryOf(from!);
    database.set(to!, value.copy());
    if (expiry !== undefined) database.expireAt(to!, expiry);
    return 1;
  },

  flushdb({ database }, words) {
    checkFlush(words);
    database.clear();
    return OK;
  },

  flushall({ server }, words) {
    checkFlush(words);
    for (const database of server.allDatabases) database.clear();
    return OK;
  },

  swapdb({ server }, [one, other]) {
    const first = databaseOf(one!, 'ERR invalid first DB index');
    const second = databaseOf(other!, 'ERR invalid second DB index');
    if (first !== second) server.database(first).swap(server.database(second));
    return OK;
  },

  'object|encoding': ({ database }, [key]) => encodingOf(database, key!),
  'object|refcount': ({ database }, [key]) => (database.has(key!) ? 1 : null),
  'object|idletime': ({ database }, [key]) => (database.has(key!) ? 0 : null),
  'object|freq'() {
    throw new CommandError(
      'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
    );
  },
};

function expire(
  { database, now }: CommandContext,
  command: string,
  key: string,
  text: string,
  unitMs: number,
  how: readonly string[],
): number {
  const given = integer(text) * unitMs;
  const at = command.endsWith('at') ? given : now + given;
  if (Math.abs(at) > 2 ** 63) throw invalidExpire(command);
  const conditions = readConditions(how);
  if (!database.has(key) || !allows(conditions, database.expiryOf(key), at)) return 0;
  if (at <= now) database.delete(key);
  else {
    database.expireAt(key, at);
    database.changed(key);
  }
  return 1;
}

function readConditions(how: readonly string[]): ReadonlySet<string> {
  const conditions = new Set(how.map((word) => word.toLowerCase()));
  for (const word of how) {
    if (!['nx', 'xx', 'gt', 'lt'].includes(word.toLowerCase()))
      throw new CommandError(`ERR Unsupported option ${word}`);
  }
  if (conditions.has('nx') && conditions.size > 1)
    throw new CommandError('ERR NX and XX, GT or LT options at the same time are not compatible');
  if (conditions.has('gt') && conditions.has('lt'))
    throw new CommandError('ERR GT and LT options at the same time are not compatible');
  return conditions;
}

function allows(conditions: ReadonlySet<string>, before: number | undefined, at: number): boolean {
  if (conditions.has('nx') && before !== undefined) return false;
  if (conditions.has('xx') && before === undefined) return false;
  if (conditions.has('gt') && (before === undefined || at <= before)) return false;
  return !(conditions.has('lt') && before !== undefined && at >= before);
}

function timeLeft({ database }: CommandContext, key: string, inUnit: (ms: number) => number): number {
  if (!database.has(key)) return -2;
  const at = database.expiryOf(key);
  return at === undefined ? -1 : inUnit(Math.max(0, at - database.now));
}

function endTime(database: CommandContext['database'], key: string, unitMs: number): number {
  if (!database.has(key)) return -2;
  const at = database.expiryOf(key);
  return at === undefined ? -1 : Math.floor((at + unitMs / 2) / unitMs);
}

function rename({ database }: CommandContext, from: string, to: string): void {
  const value = database.get(from);
  if (!value) throw new CommandError('ERR no such key');
  if (from === to) return;
  const expiry = database.expiryOf(from);
  database.delete(from);
  database.set(to, value);
  if (expiry !== undefined) database.expireAt(to, expiry);
}

function checkFlush(words: readonly string[]): void {
  if (words.length > 1 || (words.length === 1 && !/^(a?sync)$/i.test(words[0]!))) throw syntaxError();
}

function databaseOf(text: string, message: string): number {
  const index = parseInteger(text);
  if (index === undefined) throw new CommandError(message);
  if (index < 0 || index > 15) throw new CommandError('ERR DB index is out of range');
  return index;
}

const ENCODINGS = {
  hash: 'listpack',
  list: 'quicklist',
  set: 'hashtable',
  zset: 'listpack',
  stream: 'stream',
} as const;

function encodingOf(database: CommandContext['database'], key: string): string | null {
  const value = database.get(key);
  if (!value) return null;
  if (!(value instanceof StringValue)) return ENCODINGS[value.type as keyof typeof ENCODINGS];
  if (parseInteger(value.text) !== undefined) return 'int';
  return value.text.length <= 44 ? 'embstr' : 'raw';
}
