import type { Backoff } from '../../hydra-options.js';
import type { RandomSource } from '../../runtime/random-source.js';

const MAX_MS = 60_000;
/** In place of a user's function that fails; the same as the default of the option. */
export const PLAIN_BACKOFF: Backoff = { type: 'exponential', delayMs: 1_000 };

/** Milliseconds until the next attempt. */
export function backoffMs(backoff: Backoff, attempt: number, error: string, random: RandomSource): number {
  if (typeof backoff === 'number') return backoff;
  if (typeof backoff === 'function') return wholeMs(backoff(attempt, error));
  const { type, delayMs, maxMs = MAX_MS, jitter = true } = backoff;
  if (type === 'fixed') return delayMs;
  const whole = Math.min(maxMs, delayMs * 2 ** Math.min(attempt - 1, 50));
  return Math.round(jitter ? whole * (0.5 + random.float() / 2) : whole);
}

/** What a user's code gives is not trusted: no number means at once. */
export function wholeMs(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}
