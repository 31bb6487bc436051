import { placesByLex, placesByScore, type Places } from '../data/score-range.js';
import { SortedSetValue, type Scored } from '../data/sorted-set-value.js';
import { integer } from '../protocol/numbers.js';
import { CommandError, syntaxError } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';
import { limited, OptionReader, spanOf } from './option-reader.js';
import { entriesReply } from './sorted-sets.js';

type By = 'rank' | 'score' | 'lex';

interface RangeOptions {
  by: By;
  isReversed: boolean;
  withScores: boolean;
  limit: readonly [number, number] | undefined;
}

/** `allowed` are the options that a form of the command takes. */
function readOptions(
  words: readonly string[],
  form: Partial<RangeOptions>,
  allowed: readonly string[],
): RangeOptions {
  const options: RangeOptions = {
    by: 'rank',
    isReversed: false,
    withScores: false,
    limit: undefined,
    ...form,
  };
  const reader = new OptionReader(words);
  while (!reader.isDone) {
    const name = reader.name();
    if (!allowed.includes(name)) throw syntaxError();
    if (name === 'withscores') options.withScores = true;
    else if (name === 'limit') options.limit = [reader.integer(), reader.integer()];
    else if (name === 'rev') options.isReversed = true;
    else options.by = name === 'byscore' ? 'score' : 'lex';
  }
  if (options.limit && options.by === 'rank')
    throw new CommandError(
      'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX',
    );
  if (options.withScores && options.by === 'lex')
    throw new CommandError('ERR syntax error, WITHSCORES not supported in combination with BYLEX');
  return options;
}

/** @param first with `isReversed` by score or lex, the highest */
function rangeOf(
  { database }: CommandContext,
  key: string,
  [first, last]: readonly [string, string],
  { by, isReversed, limit }: RangeOptions,
): readonly Scored[] {
  const placesOf = readPlaces(by, isReversed, first, last);
  const set = database.find(key, SortedSetValue);
  if (!set) return [];
  const [from, to] = placesOf(set);
  const entries = set.sorted.slice(from, to);
  const ordered = isReversed ? entries.toReversed() : entries;
  return limit ? limited(ordered, ...limit) : ordered;
}

function readPlaces(
  by: By,
  isReversed: boolean,
  first: string,
  last: string,
): (set: SortedSetValue) => Places {
  const [min, max] = isReversed ? [last, first] : [first, last];
  // Bounds are checked even where there is no key.
  if (by === 'score') return checked((set) => placesByScore(set, min, max));
  if (by === 'lex') return checked((set) => placesByLex(set, min, max));
  const [from, to] = [integer(first), integer(last)];
  return (set) => {
    const [start, end] = spanOf(set.size, from, to);
    return isReversed ? [set.size - end, set.size - start] : [start, end];
  };
}

function checked(placesOf: (set: SortedSetValue) => Places): (set: SortedSetValue) => Places {
  placesOf(new SortedSetValue());
  return placesOf;
}

const BY_SCORE = ['withscores', 'limit'];

function rangeCommand(by: By, isReversed: boolean, allowed: readonly string[]) {
  return (context: CommandContext, [key, first, last, ...words]: readonly string[]) => {
    const options = readOptions(words, { by, isReversed }, allowed);
    return entriesReply(context, rangeOf(context, key!, [first!, last!], options), options.withScores);
  };
}

export const sortedSetRangeCommands: CommandFamily = {
  zrange: rangeCommand('rank', false, ['withscores', 'limit', 'rev', 'byscore', 'bylex']),
  zrevrange: rangeCommand('rank', true, ['withscores']),
  zrangebyscore: rangeCommand('score', false, BY_SCORE),
  zrevrangebyscore: rangeCommand('score', true, BY_SCORE),
  zrangebylex: rangeCommand('lex', false, ['limit']),
  zrevrangebylex: rangeCommand('lex', true, ['limit']),

  zrangestore(context, [to, from, first, last, ...words]) {
    const options = readOptions(words, {}, ['limit', 'rev', 'byscore', 'bylex']);
    const entries = rangeOf(context, from!, [first!, last!], options);
    context.database.delete(to!);
    if (entries.length === 0) return 0;
    const set = context.database.open(to!, SortedSetValue);
    for (const { member, score } of entries) set.set(member, score);
    context.database.changed(to!);
    return entries.length;
  },
};
