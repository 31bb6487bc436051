import { checkStreamName } from '../../hydra-options.js';
import { bound } from '../../streams/stored/stored-entry.js';
import type { Order } from '../act/order.js';
import { Refusal } from '../http/refusal.js';
import type { GroupConsumer, PendingEntry } from '../../streams/stored/group-details.js';
import { plainText, storedText } from '../shown/stored-text.js';
import type { Question } from './question.js';

/** As Redis has it; the part after the dash may be left out. */
const ID = /^\d{1,20}(?:-\d{1,20})?$/;
const PAGE = 50;
const MAX_PAGE = 200;
/** Consumers that are shown, those with the most pending entries first. */
const CONSUMERS = 100;

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

/** Who reads a group, and what was delivered to it and is not acknowledged. */
export interface SeenGroup {
  readonly consumers: readonly GroupConsumer[];
  /** How many there are; the list may be shorter. */
  readonly consumerCount: number;
  /** A page, the oldest first. */
  readonly pending: readonly PendingEntry[];
}

/** What is asked of streams. */
export const STREAM_QUESTIONS = {
  entries: ({ instance: { redis, keys } }, order) => {
    const key = keys.stream(streamOf(order));
    const limit = order.count('limit', PAGE, MAX_PAGE);
    const newest = newestOf(order);
    return async (): Promise<readonly ListedEntry[]> => {
      const found = await redis.run('read entries', (client) =>
        client.xrevrange(key, newest, '-', 'COUNT', limit),
      );
      return found.map(([id, flat]) => ({ id, fields: fieldsOf(flat) }));
    };
  },

  letters: ({ instance: { streams } }, order) => {
    const [stream, group] = [streamOf(order), order.text('group')];
    const limit = order.count('limit', PAGE, MAX_PAGE);
    return async (): Promise<readonly ListedLetter[]> => {
      const found = await streams.deadLetters(stream, { group, limit });
      return found.map(({ id, entryId, reason, attempts, diedAt }) => ({
        ...{ id, entryId, attempts, diedAt },
        reason: plainText(reason),
      }));
    };
  },

  group: ({ instance: { streams } }, order) => {
    const [stream, group] = [streamOf(order), order.text('group')];
    const limit = order.count('limit', PAGE, MAX_PAGE);
    const after = order.maybe('after');
    return async (): Promise<SeenGroup> => {
      const [consumers, pending] = await Promise.all([
        streams.consumers(stream, group),
        streams.pending(stream, group, { limit, ...(after !== undefined && { after }) }),
      ]);
      return { consumers: consumers.slice(0, CONSUMERS), consumerCount: consumers.length, pending };
    };
  },
} satisfies Record<string, Question>;

/** @throws HydraError `BAD_OPTION` for what is no name of a stream */
function streamOf(order: Order): string {
  return checkStreamName('stream', order.text('stream'));
}

/** The end at which reading begins: before an id, at an id, or at a time. @throws Refusal for what is neither */
function newestOf(order: Order): string {
  const [before, at] = [order.maybe('before'), order.maybe('at')];
  if (before !== undefined) {
    if (!ID.test(before)) throw new Refusal(400, 'before must be the id of an entry');
    return `(${before}`;
  }
  if (at !== undefined && ID.test(at)) return at;
  return bound(order.date('at'), '+', '-18446744073709551615');
}

function fieldsOf(flat: readonly string[]): ListedEntry['fields'] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    plainText(flat[2 * index]!),
    storedText(flat[2 * index + 1]!, flat[2 * index]),
  ]);
}
