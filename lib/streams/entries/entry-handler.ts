import type { BackoffLimits } from '../../runtime/backoff.js';
import type { BoundHandler } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import {
  checkGroupName,
  checkStreamName,
  integer,
  MAX_TIMER_MS,
  refuseUnknown,
  type OrderBy,
  type ResolvedOptions,
  type StreamStart,
} from '../../hydra-options.js';
import { idBefore, isStreamId } from '../../protocol/stream-id.js';
import { PATTERN_NAMES, type StreamPatternOptions } from '../stream-pattern.js';

/** A handler of entries with the defaults of all options that its decorator did not set. */
export interface EntryHandler {
  readonly bound: BoundHandler;
  readonly stream: string;
  readonly group: string;
  /** The position of a new group, as XGROUP CREATE takes it; undefined when it is not set. */
  readonly from: string | undefined;
  readonly type: string | undefined;
  readonly concurrency: number;
  readonly attempts: number;
  readonly backoff: BackoffLimits;
  readonly timeoutMs: number;
  readonly batch: { readonly size: number; readonly waitMs: number } | undefined;
  /** The ordering key of an entry with such data; '' for none. Undefined when its entries are not ordered. */
  readonly keyOf: ((data: unknown) => string) | undefined;
}

/**
 * Fills in the defaults of options that a decorator did not set.
 *
 * @throws HydraError `BAD_OPTION` naming the stream and the option
 */
export function resolveHandler(bound: BoundHandler, { service, streams }: ResolvedOptions): EntryHandler {
  const given = bound.options as StreamPatternOptions;
  const stream = checkStreamName('the name of a stream', bound.pattern);
  refuseUnknown(`@StreamPattern("${stream}")`, given, PATTERN_NAMES);
  const check = checkerOf(stream);
  return {
    bound,
    stream,
    group: checkGroupName(`group of "${stream}"`, given.group ?? service),
    from: given.from === undefined ? undefined : startPosition(stream, given.from),
    type: given.type,
    concurrency: check('concurrency', given.concurrency ?? streams.concurrency, 1),
    attempts: check('attempts', given.attempts ?? streams.attempts, 1),
    backoff: backoffOf(given, streams, check),
    timeoutMs: check('timeoutMs', given.timeoutMs ?? 0, 0, MAX_TIMER_MS),
    batch: batchOf(given, check),
    keyOf: given.orderBy === undefined ? undefined : keyBy(given.orderBy),
  };
}

type Checker = (option: string, value: number, min: number, max?: number) => number;

const checkerOf =
  (stream: string): Checker =>
  (option, value, min, max) =>
    integer(`${option} of "${stream}"`, value, min, max);

function backoffOf(
  { backoff }: StreamPatternOptions,
  { retryMinMs, retryMaxMs }: ResolvedOptions['streams'],
  check: Checker,
): BackoffLimits {
  const maxMs = check('backoff.maxMs', backoff?.maxMs ?? retryMaxMs, 1, MAX_TIMER_MS);
  // The first wait must not be longer than the longest one.
  return { minMs: check('backoff.minMs', backoff?.minMs ?? Math.min(retryMinMs, maxMs), 1, maxMs), maxMs };
}

function batchOf({ batch }: StreamPatternOptions, check: Checker): EntryHandler['batch'] {
  if (!batch) return undefined;
  const size = check('batch.size', batch.size, 1);
  return { size, waitMs: check('batch.waitMs', batch.waitMs ?? 10, 0, MAX_TIMER_MS) };
}

/**
 * The position whose next entry is the first to be delivered.
 *
 * @throws HydraError `BAD_OPTION`
 */
export function startPosition(stream: string, from: StreamStart): string {
  if (from === 'new') return '$';
  if (from === 'beginning') return '0';
  if (from instanceof Date && !Number.isNaN(from.getTime())) return idBefore(`${from.getTime()}-0`);
  if (typeof from === 'string' && isStreamId(from)) return idBefore(from);
  throw new HydraError(
    'BAD_OPTION',
    `from of "${stream}" must be new, beginning, an id or a Date, got ${String(from)}`,
  );
}

function keyBy(orderBy: OrderBy): (data: unknown) => string {
  const valueOf = typeof orderBy === 'function' ? (orderBy as (data: unknown) => unknown) : memberAt(orderBy);
  return (data) => {
    const value = valueOf(data);
    if (value === undefined || value === null) return '';
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    // In Redis a NUL separates the key from the id behind it.
    return `:${text.replaceAll('\0', '\\0')}`;
  };
}

function memberAt(path: string): (data: unknown) => unknown {
  const names = path.split('.');
  return (data) =>
    names.reduce<unknown>((value, name) => (value as Record<string, unknown> | null)?.[name], data);
}
