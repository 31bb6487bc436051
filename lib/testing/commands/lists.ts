import { ListValue } from '../data/list-value.js';
import { integer, positive } from '../protocol/numbers.js';
import { CommandError, NULL_ARRAY, OK, syntaxError, type Reply } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import { OptionReader, spanOf, timeoutMs } from './option-reader.js';

type End = 'left' | 'right';

export const listCommands: CommandFamily = {
  lpush: (context, [key, ...items]) => push(context, key!, items, 'left'),
  rpush: (context, [key, ...items]) => push(context, key!, items, 'right'),
  lpushx: (context, [key, ...items]) => (find(context, key!) ? push(context, key!, items, 'left') : 0),
  rpushx: (context, [key, ...items]) => (find(context, key!) ? push(context, key!, items, 'right') : 0),
  lpop: (context, [key, count]) => pop(context, key!, count, 'left'),
  rpop: (context, [key, count]) => pop(context, key!, count, 'right'),
  llen: (context, [key]) => find(context, key!)?.size ?? 0,

  lindex(context, [key, index]) {
    return find(context, key!)?.at(integer(index!)) ?? null;
  },

  lrange(context, [key, from, to]) {
    const [first, last] = [integer(from!), integer(to!)];
    const list = find(context, key!);
    return list ? list.slice(...spanOf(list.size, first, last)) : [];
  },

  lset(context, [key, index, item]) {
    const list = find(context, key!);
    if (!list) throw new CommandError('ERR no such key');
    const place = integer(index!);
    if (list.at(place) === undefined) throw new CommandError('ERR index out of range');
    list.set(place, item!);
    context.database.changed(key!);
    return OK;
  },

  ltrim(context, [key, from, to]) {
    const [first, last] = [integer(from!), integer(to!)];
    const list = find(context, key!);
    if (!list) return OK;
    list.trim(...spanOf(list.size, first, last));
    context.database.changed(key!);
    return OK;
  },

  lrem(context, [key, count, item]) {
    const limit = integer(count!);
    const list = find(context, key!);
    if (!list) return 0;
    const removed = removeItems(list, limit, item!);
    if (removed > 0) context.database.changed(key!);
    return removed;
  },

  linsert(context, [key, where, pivot, item]) {
    const side = where!.toLowerCase();
    if (side !== 'before' && side !== 'after') throw syntaxError();
    const list = find(context, key!);
    if (!list) return 0;
    const place = list.slice(0, list.size).indexOf(pivot!);
    if (place < 0) return -1;
    list.insert(side === 'before' ? place : place + 1, item!);
    context.database.changed(key!);
    return list.size;
  },

  lpos(context, [key, item, ...words]) {
    const options = readPositionOptions(words);
    const places = positions(find(context, key!), item!, options);
    return options.count === undefined ? (places[0] ?? null) : places;
  },

  lmove: (context, [from, to, fromEnd, toEnd]) => move(context, from!, to!, endOf(fromEnd!), endOf(toEnd!)),
  rpoplpush: (context, [from, to]) => move(context, from!, to!, 'right', 'left'),

  blmove(context, [from, to, fromEnd, toEnd, timeout]) {
    return blockingMove(context, [from!, to!], [endOf(fromEnd!), endOf(toEnd!)], timeout!);
  },
  brpoplpush: (context, [from, to, timeout]) =>
    blockingMove(context, [from!, to!], ['right', 'left'], timeout!),

  blpop: (context, args) => blockingPop(context, args, 'left'),
  brpop: (context, args) => blockingPop(context, args, 'right'),

  lmpop(context, [numKeys, ...rest]) {
    const { keys, end, count } = readManyOptions(numKeys!, rest);
    return popFromFirst(context, keys, end, count) ?? NULL_ARRAY;
  },

  blmpop(context, [timeout, numKeys, ...rest]) {
    const ms = timeoutMs(timeout!);
    const { keys, end, count } = readManyOptions(numKeys!, rest);
    const attempt = () => popFromFirst(context, keys, end, count);
    return attempt() ?? context.wait({ keys, timeoutMs: ms, attempt, whenTimedOut: NULL_ARRAY });
  },
};

function find({ database }: CommandContext, key: string): ListValue | undefined {
  return database.find(key, ListValue);
}

function endOf(word: string): End {
  const end = word.toLowerCase();
  if (end !== 'left' && end !== 'right') throw syntaxError();
  return end;
}

function pushOne(list: ListValue, item: string, end: End): void {
  if (end === 'left') list.pushLeft(item);
  else list.pushRight(item);
}

function popOne(list: ListValue, end: End): string | undefined {
  return end === 'left' ? list.popLeft() : list.popRight();
}

function push({ database }: CommandContext, key: string, items: readonly string[], end: End): Reply {
  const list = database.open(key, ListValue);
  for (const item of items) pushOne(list, item, end);
  database.changed(key);
  return list.size;
}

function pop(context: CommandContext, key: string, count: string | undefined, end: End): Reply {
  const limit = count === undefined ? 1 : positive(count);
  const list = find(context, key);
  if (!list) return count === undefined ? null : NULL_ARRAY;
  const items: string[] = [];
  while (items.length < limit && !list.isEmpty) items.push(popOne(list, end)!);
  if (items.length > 0) context.database.changed(key);
  return count === undefined ? items[0]! : items;
}

function removeItems(list: ListValue, limit: number, item: string): number {
  const places = list.slice(0, list.size).flatMap((other, place) => (other === item ? [place] : []));
  const chosen = limit < 0 ? places.slice(limit) : places.slice(0, limit === 0 ? undefined : limit);
  for (const place of chosen.toReversed()) list.remove(place);
  return chosen.length;
}

function move(context: CommandContext, from: string, to: string, fromEnd: End, toEnd: End): string | null {
  const { database } = context;
  const source = find(context, from);
  if (!source) return null;
  find(context, to);
  const item = popOne(source, fromEnd)!;
  pushOne(database.open(to, ListValue), item, toEnd);
  database.changed(from);
  database.changed(to);
  return item;
}

function blockingMove(
  context: CommandContext,
  [from, to]: readonly [string, string],
  [fromEnd, toEnd]: readonly [End, End],
  timeout: string,
): Reply {
  const ms = timeoutMs(timeout);
  const attempt = () => move(context, from, to, fromEnd, toEnd) ?? undefined;
  return (
    attempt() ??
    context.wait({ keys: [from], timeoutMs: ms, attempt: unlessOther(attempt), whenTimedOut: null })
  );
}

function blockingPop(context: CommandContext, args: readonly string[], end: End): Reply {
  const keys = args.slice(0, -1);
  const ms = timeoutMs(args.at(-1)!);
  const attempt = (): Reply | undefined => {
    for (const key of keys) {
      const item = find(context, key) && pop(context, key, undefined, end);
      if (item !== undefined) return [key, item];
    }
    return undefined;
  };
  return (
    attempt() ??
    context.wait({ keys, timeoutMs: ms, attempt: unlessOther(attempt), whenTimedOut: NULL_ARRAY })
  );
}

/** Who waits is not told that the key became something else. */
function unlessOther<T>(attempt: () => T | undefined): () => T | undefined {
  return () => {
    try {
      return attempt();
    } catch (error) {
      if (error instanceof CommandError && error.text.startsWith('WRONGTYPE')) return undefined;
      throw error;
    }
  };
}

function readManyOptions(numKeys: string, rest: readonly string[]) {
  const howMany = integer(numKeys, 'ERR numkeys should be greater than 0');
  if (howMany <= 0) throw new CommandError('ERR numkeys should be greater than 0');
  const keys = rest.slice(0, howMany);
  const [where, ...more] = rest.slice(howMany);
  if (keys.length < howMany || where === undefined) throw syntaxError();
  const end = endOf(where);
  if (more.length === 0) return { keys, end, count: 1 };
  if (more.length !== 2 || more[0]!.toLowerCase() !== 'count') throw syntaxError();
  const count = integer(more[1]!, 'ERR count should be greater than 0');
  if (count <= 0) throw new CommandError('ERR count should be greater than 0');
  return { keys, end, count };
}

function popFromFirst(
  context: CommandContext,
  keys: readonly string[],
  end: End,
  count: number,
): Reply | undefined {
  const key = keys.find((name) => find(context, name));
  return key === undefined ? undefined : [key, pop(context, key, String(count), end)];
}

interface PositionOptions {
  rank: number;
  count: number | undefined;
  maxLen: number;
}

function readPositionOptions(words: readonly string[]): PositionOptions {
  const options: PositionOptions = { rank: 1, count: undefined, maxLen: 0 };
  const reader = new OptionReader(words);
  while (!reader.isDone) {
    const name = reader.name();
    if (name === 'rank') options.rank = readRank(reader.integer());
    else if (name === 'count') options.count = positive(reader.value(), "ERR COUNT can't be negative");
    else if (name === 'maxlen') options.maxLen = positive(reader.value(), "ERR MAXLEN can't be negative");
    else throw syntaxError();
  }
  return options;
}

function readRank(rank: number): number {
  if (rank !== 0) return rank;
  throw new CommandError(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
  );
}

function positions(
  list: ListValue | undefined,
  item: string,
  { rank, count = 1, maxLen }: PositionOptions,
): number[] {
  const items = list?.slice(0, list.size) ?? [];
  let places = [...items.keys()];
  if (rank < 0) places.reverse();
  if (maxLen > 0) places = places.slice(0, maxLen);
  places = places.filter((place) => items[place] === item).slice(Math.abs(rank) - 1);
  return count === 0 ? places : places.slice(0, count);
}
