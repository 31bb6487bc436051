import type { Entry } from '../entries/entry.js';

/** The place of an entry among those with its key. */
export const Placement = { first: 0, queued: 1, askAgain: 2, gone: 3 } as const;

/** One instance as a consumer of one group. */
export interface ConsumerConfig {
  readonly stream: string;
  readonly group: string;
  /** This instance's id. */
  readonly consumer: string;
  /** Whether entries are ordered by key. */
  readonly isOrdered: boolean;
  /** The group's position when it does not exist yet: `$`, `0` or an id. */
  readonly from: string;
  /** Life of this consumer's heartbeat key, in milliseconds. */
  readonly ttlMs: number;
  /** After this long, entries of consumers that are no instances of ours are claimed, in milliseconds. */
  readonly claimIdleMs: number;
  /** How many dead letters are kept, and for how long. */
  readonly deadLetters: { readonly count: number; readonly ageMs: number };
}

/** The answer for entries whose keys were told. */
export interface Placed {
  /** One {@link Placement} an entry. */
  readonly placements: readonly number[];
  /** How many entries of the whole group wait for earlier ones of their keys. */
  readonly queuedByKey: number;
  /** Earlier entries that others have read, and whose keys must be told first. */
  readonly others: readonly Entry[];
  /** How many consumers the group has. */
  readonly consumers: number;
}

/** The answer for entries that have ended. */
export interface Ended {
  /** How many did not belong to this consumer any more. */
  readonly refused: number;
  /** Entries that are the first of their keys now. */
  readonly successors: readonly Entry[];
}

/** The answer for an entry that failed permanently. */
export interface DeadLettered extends Ended {
  /** How many older dead letters were dropped for it. */
  readonly dropped: number;
}

/** Entries taken over: some can be handled, others must be ordered first. */
export interface Claimed {
  readonly ready: readonly Entry[];
  readonly unordered: readonly Entry[];
}

/** The answer of a heartbeat. */
export interface HeartbeatOutcome extends Claimed {
  /** Entries that were trimmed away before the group had read them, since the last heartbeat. */
  readonly lostToTrim: number;
  /** Whether the limit of claims was reached, so that there may be more. */
  readonly isCutShort: boolean;
}

export const NOTHING_CLAIMED: Claimed = Object.freeze({ ready: [], unordered: [] });
