import { badOption, integer, refuseUnknown, type NamesOf } from '../../hydra-options.js';
import type { JobEvent } from '../model/job-event.js';

/** How events are kept. @publicApi */
export interface KeptEvents {
  /** How many are kept; of two that ask for it, the larger counts. @defaultValue 10000 */
  readonly count?: number;
  /** For how long they are kept after the last of those who asked has gone, in milliseconds. @defaultValue 3600000 */
  readonly ageMs?: number;
}

/** Events that survive a lost connection. @publicApi */
export interface DurableEvents {
  /** Events are kept in Redis, and after a lost connection those are told that were missed. */
  readonly durable: true | KeptEvents;
  /** The `eventId` of the last event that was seen, or `'beginning'` for all that are kept. @defaultValue from now on */
  readonly since?: string;
}

/**
 * Some events are missing: there were more of them than are kept, nobody had them kept for too long, or Redis lost them.
 *
 * @publicApi
 */
export interface GapEvent {
  /** The kind of the event. */
  readonly type: 'gap';
  /** It is of no job. */
  readonly id: '';
  /** It is of no job. */
  readonly pattern: '';
  /** How many are missing, at most; undefined where that is not known. */
  readonly lost: number | undefined;
}

/** An event that was kept, or that some are missing before the next. @publicApi */
export type DurableJobEvent = (JobEvent | GapEvent) & {
  /** Where it stands: `since` continues behind it. */
  readonly eventId: string;
};

/** A place in what is kept: the instant at which that began, and the number of the event. */
export interface EventPlace {
  readonly began: number;
  readonly number: number;
  /**
   * The instant at which it was written, in microseconds by the clock of Redis: after a Redis that came back with less, another event
   * may have its number. '' where it is not known.
   */
  readonly stamp: string;
}

const DEFAULT_COUNT = 10_000;
const MAX_COUNT = 1_000_000;
const DEFAULT_AGE_MS = 3_600_000;
/** It outlives a pause between two signs of life of who asked for it. */
const MIN_AGE_MS = 10_000;
const MAX_AGE_MS = 604_800_000;

export const DURABLE_NAMES = { durable: true, since: true } satisfies NamesOf<DurableEvents>;
const KEPT_NAMES = { count: true, ageMs: true } satisfies NamesOf<KeptEvents>;

export interface ResolvedDurable {
  readonly count: number;
  readonly ageMs: number;
  readonly since: EventPlace | undefined;
}

/** @throws HydraError `BAD_OPTION` */
export function resolveDurable({ durable, since }: DurableEvents): ResolvedDurable {
  if (durable !== true && (typeof durable !== 'object' || durable === null))
    throw badOption('durable', durable, 'true or { count, ageMs }');
  if (durable !== true) refuseUnknown('durable', durable, KEPT_NAMES);
  const { count = DEFAULT_COUNT, ageMs = DEFAULT_AGE_MS } = durable === true ? {} : durable;
  integer('durable.count', count, 1, MAX_COUNT);
  integer('durable.ageMs', ageMs, MIN_AGE_MS, MAX_AGE_MS);
  return { count, ageMs, since: since === undefined ? undefined : placeSince(since) };
}

function placeSince(since: string): EventPlace {
  const place = since === 'beginning' ? BEGINNING : readPlace(since);
  if (place) return place;
  throw badOption('since', since, 'the eventId of an event, or "beginning"');
}

/** Nothing is missing before the first that is kept. */
export const BEGINNING: EventPlace = Object.freeze({ began: 0, number: 0, stamp: '' });

export function isBeginning({ began }: EventPlace): boolean {
  return began === 0;
}

const PLACE = /^(\d{1,15})-(\d{1,15})(?:-(\d{1,20}))?$/;

export function readPlace(id: string): EventPlace | undefined {
  const [, began, number, stamp = ''] = PLACE.exec(id) ?? [];
  return began === undefined ? undefined : { began: Number(began), number: Number(number), stamp };
}

export function writePlace({ began, number, stamp }: EventPlace): string {
  return stamp === '' ? `${began}-${number}` : `${began}-${number}-${stamp}`;
}
