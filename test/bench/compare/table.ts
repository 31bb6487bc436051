import { formatCount, tableLines } from '../../../tools/terminal.mjs';
import type { Verdict } from '../support/paired.js';
import { RATE, type Compared } from './rows.js';

export interface Judged extends Compared {
  readonly verdict: Verdict;
}

/** A line a measure, and the sentence that goes with what could not be told. */
export function comparedLines(judged: readonly Judged[], ref: string): readonly string[] {
  const heading = ['now beside before', 'measure', ref, 'now', 'difference', '±', 'rounds', 'verdict'];
  const lines = tableLines([heading, ...judged.map(cellsOf)]);
  const open = judged.filter(({ verdict }) => verdict === 'cannot tell').length;
  if (open === 0) return lines;
  return [
    ...lines,
    `${open} of ${judged.length} cannot be told: too much noise for the time that there was.`,
  ];
}

function cellsOf({ row, measure, before, now, interval, verdict }: Judged): string[] {
  const format = (value: number) => (measure === RATE ? formatCount(value) : `${value.toPrecision(3)} ms`);
  const difference = (interval.ratio - 1) * 100;
  return [
    row,
    measure,
    format(before),
    format(now),
    `${difference < 0 ? '' : '+'}${difference.toFixed(1)} %`,
    interval.halfWidth < 1 ? `${(interval.halfWidth * 100).toFixed(1)} %` : '?',
    String(interval.rounds),
    verdict,
  ];
}
