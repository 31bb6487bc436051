/** How long to wait before each new attempt. */
export interface Backoff {
  /** Before the second attempt, in milliseconds; doubled for each further one. */
  readonly minMs: number;
  /** The longest wait, in milliseconds. */
  readonly maxMs: number;
}

/**
 * The wait after so many failed attempts, between half and the whole of `minMs` doubled each time: what failed together
 * does not come back together.
 *
 * @param random from 0 to 1
 */
export function backoffMs({ minMs, maxMs }: Backoff, failures: number, random = Math.random()): number {
  const whole = Math.min(maxMs, minMs * 2 ** Math.min(Math.max(failures - 1, 0), 30));
  return Math.round(whole * (0.5 + random / 2));
}
