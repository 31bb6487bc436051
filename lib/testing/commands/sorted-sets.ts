import { checkLexBounds, checkScoreBounds, placesByLex, placesByScore } from '../data/score-range.js';
import { SortedSetValue, type Scored } from '../data/sorted-set-value.js';
import { floating, integer, positive } from '../protocol/numbers.js';
import { CommandError, DoubleReply, NULL_ARRAY, syntaxError, type Reply } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import { spanOf, timeoutMs } from './option-reader.js';
import { pickRandom } from './picking.js';
import { scanItems } from './scanning.js';

export const sortedSetCommands: CommandFamily = {
  zadd: (context, [key, ...words]) => add(context, key!, readAddOptions(words)),

  zincrby(context, [key, by, member]) {
    const pairs: readonly Scored[] = [{ score: floating(by!), member: member! }];
    return add(context, key!, { flags: new Set(['incr']), pairs });
  },

  zrem(context, [key, ...members]) {
    const set = find(context, key!);
    const removed = members.filter((member) => set?.delete(member)).length;
    if (removed > 0) context.database.changed(key!);
    return removed;
  },

  zscore: (context, [key, member]) => scoreReply(find(context, key!)?.score(member!)),

  zmscore(context, [key, ...members]) {
    const set = find(context, key!);
    return members.map((member) => scoreReply(set?.score(member)));
  },

  zcard: (context, [key]) => find(context, key!)?.size ?? 0,

  zcount(context, [key, min, max]) {
    checkScoreBounds(min!, max!);
    const [from, to] = placesByScore(find(context, key!) ?? new SortedSetValue(), min!, max!);
    return to - from;
  },

  zlexcount(context, [key, min, max]) {
    checkLexBounds(min!, max!);
    const [from, to] = placesByLex(find(context, key!) ?? new SortedSetValue(), min!, max!);
    return to - from;
  },

  zrank: (context, [key, member]) => find(context, key!)?.rank(member!) ?? null,

  zrevrank(context, [key, member]) {
    const set = find(context, key!);
    const rank = set?.rank(member!);
    return rank === undefined ? null : set!.size - 1 - rank;
  },

  zpopmin: (context, [key, count]) => popReply(context, key!, count, 'min'),
  zpopmax: (context, [key, count]) => popReply(context, key!, count, 'max'),
  bzpopmin: (context, args) => blockingPop(context, args, 'min'),
  bzpopmax: (context, args) => blockingPop(context, args, 'max'),

  zremrangebyrank(context, [key, from, to]) {
    const [first, last] = [integer(from!), integer(to!)];
    return removeBetween(context, key!, (set) => spanOf(set.size, first, last));
  },
  zremrangebyscore: (context, [key, min, max]) =>
    removeBetween(context, key!, (set) => placesByScore(set, min!, max!)),
  zremrangebylex: (context, [key, min, max]) =>
    removeBetween(context, key!, (set) => placesByLex(set, min!, max!)),

  zrandmember(context, [key, count, option]) {
    const entries = find(context, key!)?.sorted ?? [];
    const { random } = context.server;
    if (count === undefined) return pickRandom(entries, 1, random)[0]?.member ?? null;
    if (option !== undefined && option.toLowerCase() !== 'withscores') throw syntaxError();
    const chosen = pickRandom(entries, integer(count), random);
    return entriesReply(context, chosen, option !== undefined);
  },

  zscan(context, [key, cursor, ...words]) {
    const { next, found } = scanItems(
      find(context, key!)?.sorted ?? [],
      cursor!,
      words,
      ({ member }) => member,
    );
    return [next, found.flatMap(({ member, score }) => [member, new DoubleReply(score)])];
  },
};

function find({ database }: CommandContext, key: string): SortedSetValue | undefined {
  return database.find(key, SortedSetValue);
}

function scoreReply(score: number | undefined): Reply {
  return score === undefined ? null : new DoubleReply(score);
}

/** With scores: pairs in RESP3, flat in RESP2 and for scripts. */
export function entriesReply(
  { session, origin }: CommandContext,
  entries: readonly Scored[],
  withScores: boolean,
): Reply {
  if (!withScores) return entries.map(({ member }) => member);
  const pairs = entries.map(({ member, score }) => [member, new DoubleReply(score)] as const);
  return session.state.version === 3 && origin !== 'script' ? pairs : pairs.flat();
}

interface AddOptions {
  readonly flags: ReadonlySet<string>;
  readonly pairs: readonly Scored[];
}

const ADD_FLAGS = ['nx', 'xx', 'gt', 'lt', 'ch', 'incr'];

function readAddOptions(words: readonly string[]): AddOptions {
  const flags = new Set<string>();
  let at = 0;
  while (at < words.length && ADD_FLAGS.includes(words[at]!.toLowerCase()))
    flags.add(words[at++]!.toLowerCase());
  const rest = words.slice(at);
  if (rest.length === 0 || rest.length % 2 !== 0) throw syntaxError();
  checkAddFlags(flags, rest.length / 2);
  const pairs = [];
  for (let place = 0; place < rest.length; place += 2) {
    pairs.push({ score: floating(rest[place]!), member: rest[place + 1]! });
  }
  return { flags, pairs };
}

function checkAddFlags(flags: ReadonlySet<string>, pairs: number): void {
  if (flags.has('nx') && flags.has('xx'))
    throw new CommandError('ERR XX and NX options at the same time are not compatible');
  const compares = Number(flags.has('gt')) + Number(flags.has('lt'));
  if ((compares > 0 && flags.has('nx')) || compares > 1)
    throw new CommandError('ERR GT, LT, and/or NX options at the same time are not compatible');
  if (flags.has('incr') && pairs > 1)
    throw new CommandError('ERR INCR option supports a single increment-element pair');
}

function add({ database }: CommandContext, key: string, { flags, pairs }: AddOptions): Reply {
  const known = database.find(key, SortedSetValue);
  if (!known && flags.has('xx')) return flags.has('incr') ? null : 0;
  const set = known ?? database.open(key, SortedSetValue);
  let [added, changed]: [number, number] = [0, 0];
  let last: number | undefined;
  for (const { member, score: given } of pairs) {
    const before = set.score(member);
    const score = flags.has('incr') ? (before ?? 0) + given : given;
    if (Number.isNaN(score)) throw new CommandError('ERR resulting score is not a number (NaN)');
    if (!maySet(flags, before, score)) continue;
    last = score;
    set.set(member, score);
    if (before === undefined) added++;
    else if (before !== score) changed++;
  }
  database.changed(key);
  if (flags.has('incr')) return scoreReply(last);
  return flags.has('ch') ? added + changed : added;
}

function maySet(flags: ReadonlySet<string>, before: number | undefined, score: number): boolean {
  if (before === undefined) return !flags.has('xx');
  if (flags.has('nx')) return false;
  if (flags.has('gt') && score <= before) return false;
  return !(flags.has('lt') && score >= before);
}

type End = 'min' | 'max';

function pop({ database }: CommandContext, key: string, count: number, end: End): readonly Scored[] {
  const set = database.find(key, SortedSetValue);
  if (!set || count === 0) return [];
  const entries = end === 'min' ? set.sorted.slice(0, count) : set.sorted.slice(-count).toReversed();
  for (const { member } of entries) set.delete(member);
  database.changed(key);
  return entries;
}

function popReply(context: CommandContext, key: string, count: string | undefined, end: End): Reply {
  const entries = pop(context, key, count === undefined ? 1 : positive(count), end);
  if (count !== undefined) return entriesReply(context, entries, true);
  return entries.flatMap(({ member, score }) => [member, new DoubleReply(score)]);
}

function blockingPop(context: CommandContext, args: readonly string[], end: End): Reply {
  const keys = args.slice(0, -1);
  const ms = timeoutMs(args.at(-1)!);
  const attempt = () => {
    for (const key of keys) {
      const [entry] = pop(context, key, 1, end);
      if (entry) return [key, entry.member, new DoubleReply(entry.score)];
    }
    return undefined;
  };
  return attempt() ?? context.wait({ keys, timeoutMs: ms, attempt, whenTimedOut: NULL_ARRAY });
}

function removeBetween(
  context: CommandContext,
  key: string,
  placesOf: (set: SortedSetValue) => readonly [number, number],
): number {
  // What is wrong with the bounds is said first.
  placesOf(new SortedSetValue());
  const set = find(context, key);
  const [from, to] = placesOf(set ?? new SortedSetValue());
  const gone = set?.sorted.slice(from, to) ?? [];
  for (const { member } of gone) set!.delete(member);
  if (gone.length > 0) context.database.changed(key);
  return gone.length;
}
