import { HashValue } from '../data/hash-value.js';
import { floating, formatLongDouble, integer, parseBigInteger } from '../protocol/numbers.js';
import { CommandError, MapReply, OK, syntaxError, wrongArity, type Reply } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import { pickRandom } from './picking.js';
import { scanItems } from './scanning.js';

export const hashCommands: CommandFamily = {
  hget: (context, [key, field]) => find(context, key!)?.get(field!) ?? null,
  hset: (context, [key, ...pairs]) => setPairs(context, key!, pairs, 'hset'),

  hmset(context, [key, ...pairs]) {
    setPairs(context, key!, pairs, 'hmset');
    return OK;
  },

  hsetnx(context, [key, field, value]) {
    if (find(context, key!)?.has(field!)) return 0;
    return setPairs(context, key!, [field!, value!], 'hsetnx');
  },

  hmget(context, [key, ...fields]) {
    const hash = find(context, key!);
    return fields.map((field) => hash?.get(field) ?? null);
  },

  hgetall: (context, [key]) => new MapReply(find(context, key!)?.entries() ?? []),
  hkeys: (context, [key]) => find(context, key!)?.keys() ?? [],
  hvals: (context, [key]) => find(context, key!)?.values() ?? [],
  hlen: (context, [key]) => find(context, key!)?.size ?? 0,
  hexists: (context, [key, field]) => Number(find(context, key!)?.has(field!) ?? false),
  hstrlen: (context, [key, field]) => find(context, key!)?.get(field!)?.length ?? 0,

  hdel(context, [key, ...fields]) {
    const hash = find(context, key!);
    const deleted = fields.filter((field) => hash?.delete(field)).length;
    if (deleted > 0) context.database.changed(key!);
    return deleted;
  },

  hincrby(context, [key, field, by]) {
    const amount = integer(by!);
    const before = parseBigInteger(find(context, key!)?.get(field!) ?? '0');
    if (before === undefined) throw new CommandError('ERR hash value is not an integer');
    const sum = before + BigInt(amount);
    if (sum >= 2n ** 63n || sum < -(2n ** 63n))
      throw new CommandError('ERR increment or decrement would overflow');
    setPairs(context, key!, [field!, String(sum)], 'hincrby');
    return Number(sum);
  },

  hincrbyfloat(context, [key, field, by]) {
    const amount = floating(by!);
    const before = floating(find(context, key!)?.get(field!) ?? '0', 'ERR hash value is not a float');
    const text = formatLongDouble(before + amount);
    setPairs(context, key!, [field!, text], 'hincrbyfloat');
    return text;
  },

  hrandfield(context, [key, count, option, ...more]) {
    const hash = find(context, key!);
    const { random } = context.server;
    if (count === undefined) return hash ? pickRandom(hash.keys(), 1, random)[0]! : null;
    if (more.length > 0 || (option !== undefined && option.toLowerCase() !== 'withvalues'))
      throw syntaxError();
    const chosen = pickRandom(hash?.keys() ?? [], integer(count), random);
    if (option === undefined) return chosen;
    const pairs = chosen.map((field) => [field, hash!.get(field)!] as const);
    return context.session.state.version === 3 && context.origin !== 'script' ? pairs : pairs.flat();
  },

  hscan(context, [key, cursor, ...words]) {
    const pairs = find(context, key!)?.entries() ?? [];
    const { next, found } = scanItems(pairs, cursor!, words, ([field]) => field);
    return [next, found.flat()];
  },
};

function find({ database }: CommandContext, key: string): HashValue | undefined {
  return database.find(key, HashValue);
}

function setPairs(
  { database }: CommandContext,
  key: string,
  pairs: readonly string[],
  command: string,
): Reply {
  if (pairs.length % 2 !== 0) throw wrongArity(command);
  const hash = database.open(key, HashValue);
  let added = 0;
  for (let at = 0; at < pairs.length; at += 2) if (hash.set(pairs[at]!, pairs[at + 1]!)) added++;
  database.changed(key);
  return added;
}
