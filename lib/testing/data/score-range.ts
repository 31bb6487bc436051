import { parseFloating } from '../protocol/numbers.js';
import { CommandError } from '../protocol/reply.js';
import type { Scored, SortedSetValue } from './sorted-set-value.js';

/** From and to as places in the order, the last not included. */
export type Places = readonly [from: number, to: number];

interface Bound {
  readonly value: number;
  readonly isExclusive: boolean;
}

/** `5`, `(5`, `-inf`. */
export function placesByScore(set: SortedSetValue, minText: string, maxText: string): Places {
  const [min, max] = [readBound(minText), readBound(maxText)];
  const from = set.firstWhere(({ score }) => (min.isExclusive ? score > min.value : score >= min.value));
  const to = set.firstWhere(({ score }) => (max.isExclusive ? score >= max.value : score > max.value));
  return [from, Math.max(from, to)];
}

export function checkScoreBounds(minText: string, maxText: string): void {
  readBound(minText);
  readBound(maxText);
}

export function checkLexBounds(minText: string, maxText: string): void {
  readLexBound(minText);
  readLexBound(maxText);
}

/** `[a`, `(a`, `-`, `+`; for members of one score. */
export function placesByLex(set: SortedSetValue, minText: string, maxText: string): Places {
  const [min, max] = [readLexBound(minText), readLexBound(maxText)];
  const from = set.firstWhere((entry) => isBehind(entry, min, true));
  const to = set.firstWhere((entry) => isBehind(entry, max, false));
  return [from, Math.max(from, to)];
}

function readBound(text: string): Bound {
  const isExclusive = text.startsWith('(');
  const value = parseFloating(isExclusive ? text.slice(1) : text);
  if (value === undefined) throw new CommandError('ERR min or max is not a float');
  return { value, isExclusive };
}

interface LexBound {
  readonly end: 'none' | 'all' | 'member';
  readonly member: string;
  readonly isExclusive: boolean;
}

function readLexBound(text: string): LexBound {
  if (text === '-') return { end: 'none', member: '', isExclusive: false };
  if (text === '+') return { end: 'all', member: '', isExclusive: false };
  if (!/^[[(]/.test(text)) throw new CommandError('ERR min or max not valid string range item');
  return { end: 'member', member: text.slice(1), isExclusive: text.startsWith('(') };
}

/** Whether a member lies behind where a range begins, or ends. */
function isBehind({ member }: Scored, bound: LexBound, isStart: boolean): boolean {
  if (bound.end !== 'member') return bound.end === 'none';
  if (member === bound.member) return isStart !== bound.isExclusive;
  return member > bound.member;
}
