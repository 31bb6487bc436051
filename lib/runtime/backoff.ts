import type { RandomSource } from './random-source.js';

/** How long to wait before each new attempt. */
export interface BackoffLimits {
  /** Before the second attempt, in milliseconds; doubled for each further one. */
  readonly minMs: number;
  /** The longest wait, in milliseconds. */
  readonly maxMs: number;
}

/** Beyond it a doubling changes nothing, and ends as Infinity. */
const MAX_DOUBLINGS = 30;

/** `minMs` doubled with each failure, `maxMs` at most. */
export function exponentialMs({ minMs, maxMs }: BackoffLimits, failures: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(Math.max(failures - 1, 0), MAX_DOUBLINGS));
}

/**
 * The wait after this number of failed attempts: between half and the whole of {@link exponentialMs}, so that
 * simultaneous failures are not retried simultaneously.
 */
export function backoffMs(limits: BackoffLimits, failures: number, random: RandomSource): number {
  return Math.round(exponentialMs(limits, failures) * (0.5 + random.float() / 2));
}
