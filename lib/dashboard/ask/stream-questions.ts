import { bound } from '../../streams/stored/stored-entry.js';
import { plainText, storedText } from '../shown/stored-text.js';
import type { Question } from './question.js';

const PAGE = 50;
const MAX_PAGE = 200;

/** An entry as it is stored, without secrets. */
export interface ListedEntry {
  readonly id: string;
  /** Name and value of each field. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** A dead letter of a group. */
export interface ListedLetter {
  readonly id: string;
  readonly entryId: string;
  readonly reason: string;
  readonly attempts: number;
  readonly diedAt: Date;
}

/** What is asked of streams. */
export const STREAM_QUESTIONS = {
  entries: async ({ instance: { redis, keys } }, order): Promise<readonly ListedEntry[]> => {
    const key = keys.stream(order.text('stream'));
    const limit = order.count('limit', PAGE, MAX_PAGE);
    const before = order.maybe('before');
    const at = order.maybe('at');
    const newest = before === undefined ? bound(instantOf(at), '+', '-18446744073709551615') : `(${before}`;
    const found = await redis.run('read entries', (client) =>
      client.xrevrange(key, newest, '-', 'COUNT', limit),
    );
    return found.map(([id, flat]) => ({ id, fields: fieldsOf(flat) }));
  },

  letters: async ({ instance: { streams } }, order): Promise<readonly ListedLetter[]> => {
    const limit = order.count('limit', PAGE, MAX_PAGE);
    const found = await streams.deadLetters(order.text('stream'), { group: order.text('group'), limit });
    return found.map(({ id, entryId, reason, attempts, diedAt }) => ({
      ...{ id, entryId, attempts, diedAt },
      reason: plainText(reason),
    }));
  },
} satisfies Record<string, Question>;

/** An id as it is, or a time. */
function instantOf(at: string | undefined): string | Date | undefined {
  if (at === undefined || /^\d+(?:-\d+)?$/.test(at)) return at;
  return new Date(at);
}

function fieldsOf(flat: readonly string[]): ListedEntry['fields'] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    plainText(flat[2 * index]!),
    storedText(flat[2 * index + 1]!, flat[2 * index]),
  ]);
}
