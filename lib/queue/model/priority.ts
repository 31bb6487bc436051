import { badOption } from '../../hydra-options.js';
import type { QueueKeys } from './queue-keys.js';

/**
 * How soon a job is taken: a whole number from -3 (last) to 3 (first); `'normal'` is 0, `'high'` is 3. There are few, because
 * each is a list of its own for each pattern.
 *
 * @publicApi
 */
export type JobPriority = number | 'normal' | 'high';

const HIGHEST = 3;

/** @throws HydraError `BAD_OPTION` */
export function priorityOf(given: JobPriority | undefined): number {
  if (given === undefined || given === 'normal') return 0;
  if (given === 'high') return HIGHEST;
  if (Number.isInteger(given) && Math.abs(given) <= HIGHEST) return given;
  throw badOption('priority', given, `a whole number from -${HIGHEST} to ${HIGHEST}, "normal" or "high"`);
}

/** Where jobs of a priority wait, and what the scripts call that: '' for the waiting list, `high`, or the number. */
export function placeOf(
  keys: QueueKeys,
  pattern: string,
  priority: number,
): { readonly list: string; readonly rank: string } {
  if (priority === 0) return { list: keys.waiting, rank: '' };
  if (priority === HIGHEST) return { list: keys.high, rank: 'high' };
  return { list: keys.ofPriority(pattern, priority), rank: String(priority) };
}
