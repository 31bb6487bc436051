import type { BoundHandler } from '../../lib/delivery/source.js';
import { Entry, type EntryOrigin } from '../../lib/streams/entries/entry.js';
import type { EntryHandler } from '../../lib/streams/entries/entry-handler.js';

const SOURCE = { stream: 'orders', group: 'mailer' };

interface EntryOptions extends Partial<EntryOrigin> {
  readonly isBad?: boolean;
}

/** An entry with a number as its id and its data. */
export function entryOf(n: number, { isBad, ...origin }: EntryOptions = {}): Entry {
  const fields = ['hydra', '1', 'data', JSON.stringify({ n, isBad })];
  return new Entry(SOURCE, `1000-${n}`, fields, { incarnation: '1', deliveries: 0, ...origin });
}

export function handlerOf(options: Partial<EntryHandler> = {}): EntryHandler {
  return {
    ...SOURCE,
    bound: { pattern: 'orders', isEvent: true, options: {} } as BoundHandler,
    from: undefined,
    type: undefined,
    concurrency: 2,
    attempts: 3,
    backoff: { minMs: 100, maxMs: 1_000 },
    timeoutMs: 0,
    batch: undefined,
    keyOf: undefined,
    ...options,
  };
}

/** Ids without their common part. */
export const numbersOf = (entries: Iterable<Entry>): number[] =>
  [...entries].map(({ id }) => Number(id.replace('1000-', '')));
