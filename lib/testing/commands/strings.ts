import { StringValue } from '../data/string-value.js';
import { floating, formatLongDouble, integer, parseBigInteger } from '../protocol/numbers.js';
import { CommandError, OK, syntaxError, wrongArity, type Reply } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import { OptionReader } from './option-reader.js';

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

export const stringCommands: CommandFamily = {
  get: ({ database }, [key]) => database.find(key!, StringValue)?.text ?? null,

  set(context, [key, value, ...words]) {
    const options = readSetOptions(context, words, 'set');
    const { database } = context;
    const before = options.get ? (database.find(key!, StringValue)?.text ?? null) : null;
    const isThere = database.has(key!);
    if ((options.nx && isThere) || (options.xx && !isThere)) return before;
    const expiry = options.keepTtl ? database.expiryOf(key!) : options.expireAt;
    database.set(key!, new StringValue(value!));
    if (expiry !== undefined) database.expireAt(key!, expiry);
    return options.get ? before : OK;
  },

  setnx({ database }, [key, value]) {
    if (database.has(key!)) return 0;
    database.set(key!, new StringValue(value!));
    return 1;
  },

  setex: (context, [key, seconds, value]) =>
    setFor(context, 'setex', key!, integer(seconds!) * 1_000, value!),
  psetex: (context, [key, ms, value]) => setFor(context, 'psetex', key!, integer(ms!), value!),

  getset({ database }, [key, value]) {
    const before = database.find(key!, StringValue)?.text ?? null;
    database.set(key!, new StringValue(value!));
    return before;
  },

  getdel({ database }, [key]) {
    const value = database.find(key!, StringValue);
    if (!value) return null;
    database.delete(key!);
    return value.text;
  },

  getex(context, [key, ...words]) {
    const { database } = context;
    const options = readSetOptions(context, words, 'getex');
    const value = database.find(key!, StringValue);
    if (!value) return null;
    if (options.persist) database.persist(key!);
    if (options.expireAt !== undefined) database.expireAt(key!, options.expireAt);
    return value.text;
  },

  mget: ({ database }, keys) =>
    keys.map((key) => {
      const value = database.get(key);
      return value instanceof StringValue ? value.text : null;
    }),

  mset({ database }, pairs) {
    checkPairs(pairs, 'mset');
    for (let at = 0; at < pairs.length; at += 2) database.set(pairs[at]!, new StringValue(pairs[at + 1]!));
    return OK;
  },

  msetnx({ database }, pairs) {
    checkPairs(pairs, 'msetnx');
    if (pairs.some((key, at) => at % 2 === 0 && database.has(key))) return 0;
    for (let at = 0; at < pairs.length; at += 2) database.set(pairs[at]!, new StringValue(pairs[at + 1]!));
    return 1;
  },

  append({ database }, [key, text]) {
    const value = openText(database, key!);
    value.text += text!;
    database.changed(key!);
    return value.text.length;
  },

  strlen: ({ database }, [key]) => database.find(key!, StringValue)?.text.length ?? 0,

  getrange({ database }, [key, from, to]) {
    const text = database.find(key!, StringValue)?.text ?? '';
    return rangeOf(text, integer(from!), integer(to!));
  },

  setrange({ database }, [key, from, text]) {
    const offset = integer(from!);
    if (offset < 0) throw new CommandError('ERR offset is out of range');
    const before = database.find(key!, StringValue)?.text ?? '';
    if (text === '') return before.length;
    const value = openText(database, key!);
    value.text = before.padEnd(offset, '\0').slice(0, offset) + text! + before.slice(offset + text!.length);
    database.changed(key!);
    return value.text.length;
  },

  incr: (context, [key]) => increment(context, key!, 1n),
  decr: (context, [key]) => increment(context, key!, -1n),
  incrby: (context, [key, by]) => increment(context, key!, bigInteger(by!)),

  decrby(context, [key, by]) {
    const amount = bigInteger(by!);
    if (amount === MIN_INT64) throw new CommandError('ERR decrement would overflow');
    return increment(context, key!, -amount);
  },

  incrbyfloat({ database }, [key, by]) {
    const before = floating(database.find(key!, StringValue)?.text ?? '0');
    const sum = before + floating(by!);
    if (!Number.isFinite(sum)) throw new CommandError('ERR increment would produce NaN or Infinity');
    const value = openText(database, key!);
    value.text = formatLongDouble(sum);
    database.changed(key!);
    return value.text;
  },
};

interface SetOptions {
  readonly nx: boolean;
  readonly xx: boolean;
  readonly get: boolean;
  readonly keepTtl: boolean;
  readonly persist: boolean;
  readonly expireAt: number | undefined;
}

const UNITS_MS: Readonly<Record<string, number>> = { ex: 1_000, exat: 1_000, px: 1, pxat: 1 };

function readSetOptions({ now }: CommandContext, words: readonly string[], command: string): SetOptions {
  const reader = new OptionReader(words);
  const seen = new Set<string>();
  let expireAt: number | undefined;
  while (!reader.isDone) {
    const name = reader.name();
    const allowed = command === 'set' ? ['nx', 'xx', 'get', 'keepttl'] : ['persist'];
    if (name in UNITS_MS && expireAt === undefined && !seen.has('keepttl') && !seen.has('persist')) {
      const ms = integer(reader.value()) * UNITS_MS[name]!;
      if (ms <= 0 || ms > Number(MAX_INT64)) throw invalidExpire(command);
      expireAt = name.endsWith('at') ? ms : now + ms;
    } else if (
      !allowed.includes(name) ||
      ((name === 'keepttl' || name === 'persist') && expireAt !== undefined)
    ) {
      throw syntaxError();
    } else seen.add(name);
  }
  if (seen.has('nx') && seen.has('xx')) throw syntaxError();
  return {
    nx: seen.has('nx'),
    xx: seen.has('xx'),
    get: seen.has('get'),
    keepTtl: seen.has('keepttl'),
    persist: seen.has('persist'),
    expireAt,
  };
}

function setFor(
  { database, now }: CommandContext,
  command: string,
  key: string,
  ms: number,
  text: string,
): Reply {
  if (ms <= 0) throw invalidExpire(command);
  database.set(key, new StringValue(text));
  database.expireAt(key, now + ms);
  return OK;
}

export function invalidExpire(command: string): CommandError {
  return new CommandError(`ERR invalid expire time in '${command}' command`);
}

/** Unlike a list's, an end before the first byte is the first byte. */
function rangeOf(text: string, from: number, to: number): string {
  if (from < 0 && to < 0 && from > to) return '';
  const [start, end] = [from, to].map((at) => Math.max(0, at < 0 ? text.length + at : at));
  return text.slice(start, end! + 1);
}

function openText(database: CommandContext['database'], key: string): StringValue {
  const known = database.find(key, StringValue);
  if (known) return known;
  const value = new StringValue('');
  database.set(key, value);
  return value;
}

function checkPairs(pairs: readonly string[], command: string): void {
  if (pairs.length % 2 !== 0) throw wrongArity(command);
}

function bigInteger(text: string): bigint {
  const value = parseBigInteger(text);
  if (value === undefined) throw new CommandError('ERR value is not an integer or out of range');
  return value;
}

function increment({ database }: CommandContext, key: string, by: bigint): number {
  const sum = bigInteger(database.find(key, StringValue)?.text ?? '0') + by;
  if (sum > MAX_INT64 || sum < MIN_INT64) throw new CommandError('ERR increment or decrement would overflow');
  openText(database, key).text = String(sum);
  database.changed(key);
  return Number(sum);
}
