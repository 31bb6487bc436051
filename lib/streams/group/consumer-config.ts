import type { Entry } from '../entries/entry.js';

/** What became of an entry that lined up. */
export const Place = { turn: 0, inLine: 1, askAgain: 2, gone: 3 } as const;

export interface Membership {
  readonly stream: string;
  readonly group: string;
  /** This instance's id. */
  readonly consumer: string;
  /** Whether entries line up by key. */
  readonly isOrdered: boolean;
  /** The group's position when it does not exist yet: `$`, `0` or an id. */
  readonly from: string;
  /** Life of the sign that this consumer is alive, in milliseconds. */
  readonly ttlMs: number;
  /** After this long, entries of consumers that are no instances of ours are taken, in milliseconds. */
  readonly claimIdleMs: number;
  /** How many dead letters are kept, and for how long. */
  readonly deadLetters: { readonly count: number; readonly ageMs: number };
}

export interface LinedUp {
  /** One {@link Place} an entry. */
  readonly places: readonly number[];
  /** How many stand in line in the whole group. */
  readonly inLine: number;
  /** Earlier entries that others have read, and whose key must be said first. */
  readonly others: readonly Entry[];
}

/** What came of entries that are over. */
export interface Ended {
  /** How many were not this consumer's any more. */
  readonly refused: number;
  /** Entries whose turn has come. */
  readonly successors: readonly Entry[];
}

/** What came of an entry that was given up. */
export interface Buried extends Ended {
  /** How many older dead letters made room. */
  readonly dropped: number;
}

/** Entries taken over: some can be handled, others must line up first. */
export interface Claimed {
  readonly ready: readonly Entry[];
  readonly unlined: readonly Entry[];
}

/** What a look at the group brought. */
export interface Swept extends Claimed {
  /** Entries that were trimmed away before the group had read them, since the last look. */
  readonly lostToTrim: number;
  /** As many were taken as were wanted: there may be more. */
  readonly isCutShort: boolean;
}

export const NOTHING: Claimed = Object.freeze({ ready: [], unlined: [] });
