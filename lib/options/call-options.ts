import type { NodeRecord as Instance } from '../protocol/records.js';
import { badOption, integer, fraction, timerOptions, type Group } from './checks.js';
import type { NamesOf } from './names.js';

/**
 * One running process of a service, as discovery knows it.
 *
 * @publicApi
 */
export type { NodeRecord as Instance } from '../protocol/records.js';

/** What a balancer can read about the instances. */
export interface BalancerView {
  /**
   * Calls in flight at the instance: those of this process, or the number that the instance reported last, whichever is
   * higher.
   */
  inFlight(instance: Instance): number;
  /** Moving average of the time an answer takes, in milliseconds; 0 while unknown. */
  latencyMs(instance: Instance): number;
  /** The call's pattern. */
  readonly pattern: string;
}

/**
 * Chooses the instance for a call. The list is never empty. Returning undefined refuses all of them.
 *
 * @publicApi
 */
export type Balancer = (instances: readonly Instance[], view: BalancerView) => Instance | undefined;

/**
 * The balancers that come with the library.
 *
 * @publicApi
 */
export type BalancerName = 'p2c' | 'round-robin' | 'random';

/**
 * Converts a packet of Nest (`{ pattern, data }`, `{ response, err, isDisposed }`) to the data that is sent. May be
 * async.
 *
 * @publicApi
 */
export interface PacketSerializer {
  /** Converts a packet to the data that is sent. */
  serialize(packet: unknown, options?: Record<string, unknown>): unknown;
}

/** The inverse of {@link PacketSerializer}. @publicApi */
export interface PacketDeserializer {
  /** Converts received data to a packet. */
  deserialize(packet: unknown, options?: Record<string, unknown>): unknown;
}

/**
 * Limits of calls.
 *
 * @publicApi
 */
export interface CallOptions {
  /** Handlers running at once in this process; 0 means no limit. @defaultValue 0 */
  readonly maxConcurrency?: number;
  /** Calls that may wait for a free place before the next is refused with OVERLOADED. @defaultValue 1000 */
  readonly maxWaiting?: number;
  /** Age at which an unanswered call is probed at its instance, in milliseconds. @defaultValue 250 */
  readonly probeAfterMs?: number;
  /**
   * Bytes that all answers to this process together may have on the way, from 65536. Redis closes a subscriber that leaves
   * more than its `client-output-buffer-limit pubsub` unread, 8 MiB for a minute or 32 MiB at once by default: it must be less
   * than 8388608. @defaultValue 4194304
   */
  readonly replyWindowBytes?: number;
}

/**
 * When an instance that fails is left out.
 *
 * @publicApi
 */
export interface BreakerOptions {
  /**
   * An instance is left out after this number of calls in a row that failed because of it; 0 disables the breaker.
   * @defaultValue 5
   */
  readonly failures?: number;
  /** How long it is left out the first time, in milliseconds; doubled each time, up to 32 times that. @defaultValue 1000 */
  readonly ejectMs?: number;
  /** Share of the instances, from 0 to 1: with more of them out, all are used. @defaultValue 0.5 */
  readonly panicShare?: number;
}

export const CALL_NAMES = {
  maxConcurrency: true,
  maxWaiting: true,
  probeAfterMs: true,
  replyWindowBytes: true,
} satisfies NamesOf<CallOptions>;

export const BREAKER_NAMES = {
  failures: true,
  ejectMs: true,
  panicShare: true,
} satisfies NamesOf<BreakerOptions>;

/** Enough for the shares of some calls, and for the progress of answers that request a grant. */
const SMALLEST_WINDOW = 65_536;
/** Below the limit that a Redis with its defaults allows for a minute. */
const LARGEST_WINDOW = 8 * 1_024 * 1_024 - 1;

const BALANCERS: readonly unknown[] = ['p2c', 'round-robin', 'random'];

export function balancer(value: unknown): BalancerName | Balancer {
  if (typeof value === 'function') return value as Balancer;
  if (BALANCERS.includes(value)) return value as BalancerName;
  throw badOption('balancer', value, `one of ${BALANCERS.join(', ')}, or a function`);
}

export function calls(given?: CallOptions): Group<CallOptions> {
  const defaults = { maxConcurrency: 0, maxWaiting: 1_000, probeAfterMs: 250, replyWindowBytes: 4_194_304 };
  const resolved = timerOptions('calls', defaults, given, ['maxConcurrency', 'maxWaiting']);
  integer('calls.replyWindowBytes', resolved.replyWindowBytes, SMALLEST_WINDOW, LARGEST_WINDOW);
  return resolved;
}

export function breaker(given?: BreakerOptions): Group<BreakerOptions> {
  return {
    ...timerOptions('breaker', { failures: 5, ejectMs: 1_000 }, given, ['failures']),
    panicShare: fraction('breaker.panicShare', given?.panicShare ?? 0.5),
  };
}
