import { HydraError } from '../../hydra-error.js';
import type { NamesOf } from '../../hydra-options.js';
import { decodeEntry } from '../../protocol/stream-entry.js';
import { timeOfId } from '../../protocol/stream-id.js';

/**
 * One entry, read back.
 *
 * @publicApi
 */
export interface StreamEntry<T = unknown> {
  /** Its id in the stream, `<milliseconds>-<sequence>`. */
  readonly id: string;
  /** What was published. */
  readonly data: T;
  /** What kind of event it is; undefined where its publisher did not say. */
  readonly type: string | undefined;
  /** The headers it was published with. */
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** When Redis stored it, by the clock of Redis. */
  readonly publishedAt: Date;
}

/**
 * Which entries of a stream are read, and how many.
 *
 * @publicApi
 */
export interface RangeOptions {
  /** The first one: an entry's id or a time. @defaultValue the oldest */
  readonly from?: string | Date;
  /** The last one: an entry's id or a time. @defaultValue the newest */
  readonly to?: string | Date;
  /** Only entries behind this one, which is the last of the page before. @defaultValue none */
  readonly after?: string;
  /** Entries in a page. @defaultValue 100 */
  readonly limit?: number;
  /** From the newest to the oldest. @defaultValue false */
  readonly reverse?: boolean;
}

export const RANGE_NAMES = {
  from: true,
  to: true,
  after: true,
  limit: true,
  reverse: true,
} satisfies NamesOf<RangeOptions>;

/** How many entries a page has unless the caller says it. */
export const PAGE = 100;

export type RawEntry = readonly [id: string, fields: string[]];

/**
 * An id as it is, or the first or last one that a time can have.
 *
 * @throws HydraError `BAD_OPTION` for an invalid Date
 */
export function bound(at: string | Date | undefined, open: string, sequence: string): string {
  if (!(at instanceof Date)) return at ?? open;
  // A Date may hold no time, or one before 1970, and no entry is that old.
  if (Number.isNaN(at.getTime()))
    throw new HydraError('BAD_OPTION', 'a time in a stream must be a valid Date, got Invalid Date');
  return `${Math.max(0, at.getTime())}${sequence}`;
}

export function read<T>([id, fields]: RawEntry): StreamEntry<T> {
  const { data, type, metadata } = decodeEntry(fields, (base64) => Buffer.from(base64, 'base64'));
  return { id, data: data as T, type, metadata, publishedAt: new Date(timeOfId(id)) };
}
