import { SetValue } from '../data/set-value.js';
import { integer, positive } from '../protocol/numbers.js';
import { CommandError, SetReply, syntaxError } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import { pickRandom } from './picking.js';
import { scanItems } from './scanning.js';

export const setCommands: CommandFamily = {
  sadd(context, [key, ...members]) {
    const set = context.database.open(key!, SetValue);
    const added = members.filter((member) => set.add(member)).length;
    if (added > 0) context.database.changed(key!);
    return added;
  },

  srem(context, [key, ...members]) {
    const set = find(context, key!);
    const removed = members.filter((member) => set?.delete(member)).length;
    if (removed > 0) context.database.changed(key!);
    return removed;
  },

  smembers: (context, [key]) => new SetReply(find(context, key!)?.list() ?? []),
  scard: (context, [key]) => find(context, key!)?.size ?? 0,
  sismember: (context, [key, member]) => Number(find(context, key!)?.has(member!) ?? false),

  smismember(context, [key, ...members]) {
    const set = find(context, key!);
    return members.map((member) => Number(set?.has(member) ?? false));
  },

  smove(context, [from, to, member]) {
    const { database } = context;
    const source = find(context, from!);
    if (!source) return 0;
    find(context, to!);
    if (!source.has(member!)) return 0;
    if (from === to) return 1;
    source.delete(member!);
    database.changed(from!);
    database.open(to!, SetValue).add(member!);
    database.changed(to!);
    return 1;
  },

  spop(context, [key, count]) {
    const set = find(context, key!);
    const limit = count === undefined ? 1 : positive(count);
    const chosen = pickRandom(set?.list() ?? [], limit, context.server.random);
    for (const member of chosen) set!.delete(member);
    if (chosen.length > 0) context.database.changed(key!);
    return count === undefined ? (chosen[0] ?? null) : new SetReply(chosen);
  },

  srandmember(context, [key, count]) {
    const members = find(context, key!)?.list() ?? [];
    const chosen = pickRandom(members, count === undefined ? 1 : integer(count), context.server.random);
    return count === undefined ? (chosen[0] ?? null) : chosen;
  },

  sdiff: (context, keys) => new SetReply(difference(context, keys)),
  sinter: (context, keys) => new SetReply(intersection(context, keys)),
  sunion: (context, keys) => new SetReply(union(context, keys)),
  sdiffstore: (context, [to, ...keys]) => store(context, to!, difference(context, keys)),
  sinterstore: (context, [to, ...keys]) => store(context, to!, intersection(context, keys)),
  sunionstore: (context, [to, ...keys]) => store(context, to!, union(context, keys)),

  sintercard(context, [numKeys, ...rest]) {
    const howMany = integer(numKeys!, 'ERR numkeys should be greater than 0');
    if (howMany <= 0) throw new CommandError('ERR numkeys should be greater than 0');
    if (rest.length < howMany)
      throw new CommandError("ERR Number of keys can't be greater than number of args");
    const [option, limit, ...more] = rest.slice(howMany);
    if (
      more.length > 0 ||
      (option !== undefined && (option.toLowerCase() !== 'limit' || limit === undefined))
    )
      throw syntaxError();
    const most = limit === undefined ? 0 : positive(limit, "ERR LIMIT can't be negative");
    const { length } = intersection(context, rest.slice(0, howMany));
    return most === 0 ? length : Math.min(most, length);
  },

  sscan(context, [key, cursor, ...words]) {
    const { next, found } = scanItems(find(context, key!)?.list() ?? [], cursor!, words, (member) => member);
    return [next, found];
  },
};

function find({ database }: CommandContext, key: string): SetValue | undefined {
  return database.find(key, SetValue);
}

function difference(context: CommandContext, [first, ...others]: readonly string[]): string[] {
  const sets = others.map((key) => find(context, key));
  const members = find(context, first!)?.list() ?? [];
  return members.filter((member) => !sets.some((set) => set?.has(member)));
}

function intersection(context: CommandContext, keys: readonly string[]): string[] {
  const [first, ...others] = keys.map((key) => find(context, key));
  return (first?.list() ?? []).filter((member) => others.every((set) => set?.has(member)));
}

function union(context: CommandContext, keys: readonly string[]): string[] {
  const all = new SetValue();
  for (const key of keys) for (const member of find(context, key)?.list() ?? []) all.add(member);
  return [...all.list()];
}

function store({ database }: CommandContext, to: string, members: readonly string[]): number {
  database.delete(to);
  if (members.length === 0) return 0;
  const set = database.open(to, SetValue);
  for (const member of members) set.add(member);
  database.changed(to);
  return members.length;
}
