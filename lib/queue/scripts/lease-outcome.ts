import type { JobState } from '../model/job-state.js';

/**
 * What becomes of one job that was leased. The lease ends with it. An `event` is JSON for whoever listens, or '' for
 * nothing.
 */
export type LeaseOutcome =
  /** It completed; the event is what is kept of it. */
  | { readonly what: 'done'; readonly lease: string; readonly id: string; readonly event: string }
  /** It waits for so long, in milliseconds. */
  | {
      readonly what: 'retry';
      readonly lease: string;
      readonly id: string;
      /** When the job was added, as Unix time in milliseconds; 0 where it does not say so. */
      readonly addedAt: number;
      readonly delayMs: number;
      readonly state: JobState;
      readonly event: string;
    }
  /** It is given up. */
  | {
      readonly what: 'dead';
      readonly lease: string;
      readonly id: string;
      readonly letter: string;
      readonly event: string;
    }
  /**
   * It goes to its place, as if it had not been taken; its state is as it was where none is given. Where it had begun, it stays
   * counted by the rate limit.
   */
  | {
      readonly what: 'return';
      readonly lease: string;
      readonly state: JobState | undefined;
      readonly hasBegun: boolean;
    }
  /** It was cancelled before it began: what has not come back of the token of its rate limit is there again. Its lease is over. */
  | { readonly what: 'refund'; readonly lease: string; readonly pattern: string }
  /** It goes to the end of the waiting list. */
  | { readonly what: 'requeue'; readonly lease: string; readonly state: JobState }
  /** It goes to this list, of a pattern that other workers have a handler for. */
  | { readonly what: 'aside'; readonly lease: string; readonly list: string }
  /** It goes to the list of its pattern, which no worker has a handler for. */
  | {
      readonly what: 'unserved';
      readonly lease: string;
      readonly pattern: string;
      readonly state: JobState;
    };

/** What the script `exchange` reads of it: what, lease, detail, event. An id or a pattern may have any character in it, so its length comes first. */
export function encodeOutcome(outcome: LeaseOutcome): [string, string, string, string] {
  return [outcome.what, outcome.lease, detailOf(outcome), eventOf(outcome)];
}

function eventOf(outcome: LeaseOutcome): string {
  if (outcome.what === 'return') return outcome.hasBegun ? 'begun' : '';
  return 'event' in outcome ? outcome.event : '';
}

function detailOf(outcome: LeaseOutcome): string {
  switch (outcome.what) {
    case 'done':
      return outcome.id;
    case 'retry':
      return `${outcome.delayMs} ${outcome.addedAt} ${withLength(outcome.id)}${JSON.stringify(outcome.state)}`;
    case 'dead':
      return `${withLength(outcome.id)}${outcome.letter}`;
    case 'return':
      return outcome.state === undefined ? '' : JSON.stringify(outcome.state);
    case 'requeue':
      return JSON.stringify(outcome.state);
    case 'aside':
      return outcome.list;
    case 'refund':
      return outcome.pattern;
    default:
      return `${withLength(outcome.pattern)}${JSON.stringify(outcome.state)}`;
  }
}

function withLength(text: string): string {
  return `${Buffer.byteLength(text)} ${text}`;
}
