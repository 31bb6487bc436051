import type { RandomSource } from '../../runtime/random-source.js';

/** Services of clouds ask for this much at least. */
const BEFORE_END_MS = 180_000;
const BEFORE_END_SPREAD_MS = 30_000;

/**
 * In how many milliseconds credentials are to be renewed: after 75 to 80 % of their life, and three minutes before its end
 * where it is long enough for that. Which moment of these it is differs between processes, so that they do not all ask at once.
 */
export function renewalInMs(lifeMs: number, random: RandomSource): number {
  const part = lifeMs * (0.75 + random.float() * 0.05);
  const beforeEnd = lifeMs - BEFORE_END_MS - random.float() * BEFORE_END_SPREAD_MS;
  return Math.max(0, Math.round(Math.min(part, Math.max(beforeEnd, lifeMs / 2))));
}
