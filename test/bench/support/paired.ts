/** What several ratios of the same two things say together: 1.05 is 5 % more. */
export interface Interval {
  readonly rounds: number;
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  /** Half of the interval's length, as a share: 0.02 is ±2 %. */
  readonly halfWidth: number;
}

/** What an interval lets one say. */
export type Verdict = 'no difference' | 'more' | 'less' | 'cannot tell';

/** Fewer can agree by chance. */
export const MIN_ROUNDS = 6;
/** Quantile of the normal distribution that leaves half a per cent on either side: intervals hold in 99 of 100 cases. */
const NORMAL_QUANTILE = 2.575829;

/**
 * The interval that holds the true ratio, by Student's distribution over the logarithms: twice as much and half as much
 * are then equally far from the same.
 *
 * @param logRatios one a round; fewer than two leave the interval without bounds
 */
export function intervalOf(logRatios: readonly number[]): Interval {
  const count = logRatios.length;
  const mean = logRatios.reduce((total, value) => total + value, 0) / count;
  const squares = logRatios.reduce((total, value) => total + (value - mean) ** 2, 0);
  const half = count < 2 ? Infinity : studentQuantile(count - 1) * Math.sqrt(squares / (count - 1) / count);
  const [ratio, low, high] = [mean, mean - half, mean + half].map(Math.exp) as [number, number, number];
  return { rounds: count, ratio, low, high, halfWidth: (high - low) / 2 };
}

/** By the expansion of Cornish and Fisher, which from four degrees of freedom on is right within 1 %. */
function studentQuantile(degrees: number): number {
  const z = NORMAL_QUANTILE;
  const terms = [
    z,
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
  ];
  return terms.reduce((total, term, power) => total + term / degrees ** power, 0);
}

/** @param precision half-width from which on an interval that holds 1 says that there is no difference */
export function verdictOf({ rounds, low, high, halfWidth }: Interval, precision: number): Verdict {
  if (rounds < MIN_ROUNDS) return 'cannot tell';
  if (low > 1) return 'more';
  if (high < 1) return 'less';
  return halfWidth <= precision ? 'no difference' : 'cannot tell';
}

/** Whether the true ratio is, with confidence, beyond the limit on the bad side: a share, 0.03 for 3 %. */
export function isBeyond({ rounds, low, high }: Interval, limit: number, isMoreBetter: boolean): boolean {
  if (rounds < MIN_ROUNDS) return false;
  return isMoreBetter ? high < 1 - limit : low > 1 + limit;
}
