import type { RandomSource } from '../../runtime/random-source.js';
import { rememberLast } from '../../runtime/remember-last.js';

/** For how long an id is taken after its job has ended, unless it was said otherwise. */
export const DEDUP_MS = 3_600_000;

/** What the scripts note of that: '' for the usual time. */
export function notedDedup(dedupMs: number): number | '' {
  return dedupMs === DEDUP_MS ? '' : dedupMs;
}

const TIMED = /^[\da-f]{8}-([\da-f]{4})-8([\da-f]{3})-[89ab]([\da-f]{3})-([\da-f]{2})[\da-f]{10}$/i;

/**
 * A new id: a UUID v8 with the time in its middle, so that the job is found by it in a long list. It begins at random: a person
 * types its beginning.
 */
export function createJobId(random: RandomSource, now: number): string {
  const id = random.uuid();
  const [front, back] = digitsOf(now);
  return `${id.slice(0, 8)}-${front}-${id[19]}${back}${id.slice(26)}`;
}

/** The time as it stands in an id: before the digit that tells the variant, and behind it. Many ids are made in one millisecond. */
const digitsOf = rememberLast((now: number): readonly [front: string, back: string] => {
  const time = Math.max(0, Math.floor(now)).toString(16).padStart(12, '0');
  return [`${time.slice(0, 4)}-8${time.slice(4, 7)}`, `${time.slice(7, 10)}-${time.slice(10)}`];
});

/** When it was made, as Unix time in milliseconds; undefined for an id that does not say so. */
export function timeOfId(id: string): number | undefined {
  const digits = TIMED.exec(id)?.slice(1).join('');
  return digits === undefined ? undefined : parseInt(digits, 16);
}
