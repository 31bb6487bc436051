import { integer } from '../protocol/numbers.js';
import { CommandError, syntaxError } from '../protocol/reply.js';

/** Words of a command that come in any order: `EX 5 NX`. */
export class OptionReader {
  private at = 0;

  constructor(private readonly words: readonly string[]) {}

  get isDone(): boolean {
    return this.at >= this.words.length;
  }

  /** The next word in lower case, as names are compared. */
  name(): string {
    return this.words[this.at++]!.toLowerCase();
  }

  /** The argument of the option that was just read. */
  value(): string {
    if (this.isDone) throw syntaxError();
    return this.words[this.at++]!;
  }

  integer(): number {
    return integer(this.value());
  }

  rest(): readonly string[] {
    return this.words.slice(this.at);
  }

  peek(): string | undefined {
    return this.words[this.at]?.toLowerCase();
  }
}

/** `LIMIT offset count`, with a count below 0 for all. */
export function limited<T>(items: readonly T[], offset: number, count: number): readonly T[] {
  if (offset < 0) return [];
  return count < 0 ? items.slice(offset) : items.slice(offset, offset + count);
}

/** Start and end as Redis reads them, from 0, the end not included. */
export function spanOf(size: number, from: number, to: number): readonly [number, number] {
  const start = Math.max(0, from < 0 ? size + from : from);
  const end = Math.min(size, (to < 0 ? size + to : to) + 1);
  return [start, Math.max(start, end)];
}

/** How long to wait, from seconds with fractions. */
export function timeoutMs(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || Number.isNaN(seconds))
    throw new CommandError('ERR timeout is not a float or out of range');
  if (seconds < 0) throw new CommandError('ERR timeout is negative');
  if (!Number.isFinite(seconds)) throw new CommandError('ERR timeout is out of range');
  return Math.ceil(seconds * 1_000);
}
