import { matchesGlob } from '../protocol/glob.js';
import { integer } from '../protocol/numbers.js';
import { CommandError, syntaxError } from '../protocol/reply.js';
import { OptionReader } from './option-reader.js';

interface ScanOptions {
  readonly count: number;
  readonly pattern: string | undefined;
  readonly type: string | undefined;
}

/** One page of SCAN, HSCAN, SSCAN or ZSCAN; the cursor is the place where the next begins. */
export function scanItems<T>(
  items: readonly T[],
  cursor: string,
  words: readonly string[],
  nameOf: (item: T) => string,
  typeOf?: (item: T) => string,
): { next: string; found: readonly T[] } {
  if (!/^\d{1,20}$/.test(cursor)) throw new CommandError('ERR invalid cursor');
  const { count, pattern, type } = readOptions(words, typeOf !== undefined);
  const from = Number(cursor);
  const page = items.slice(from, from + count);
  const found = page.filter(
    (item) =>
      (pattern === undefined || matchesGlob(pattern, nameOf(item))) &&
      (type === undefined || typeOf?.(item) === type),
  );
  return { next: from + count < items.length ? String(from + count) : '0', found };
}

function readOptions(words: readonly string[], mayHaveType: boolean): ScanOptions {
  const reader = new OptionReader(words);
  let [count, pattern, type]: [number, string | undefined, string | undefined] = [10, undefined, undefined];
  while (!reader.isDone) {
    const name = reader.name();
    if (name === 'match') pattern = reader.value();
    else if (name === 'count') count = integer(reader.value());
    else if (name === 'type' && mayHaveType) type = reader.value().toLowerCase();
    else throw syntaxError();
  }
  if (count < 1) throw syntaxError();
  return { count, pattern, type };
}
