import { isJsonObject, parseObject, type JsonObject } from '../../protocol/json.js';

/** One attempt that did not complete. */
export interface JobFailure {
  /** Unix time in milliseconds. */
  readonly at: number;
  /** The text of its error. */
  readonly error: string;
}

/** What is remembered of a job that did not complete at once. The scripts write the losses. */
export interface JobState {
  /** Attempts that failed. */
  readonly failures?: number;
  /** Times its worker died while it ran beside others: any of them may have been the cause. */
  readonly lost?: number;
  /** Times its worker died while nothing else ran there. */
  readonly lostAlone?: number;
  /** How many of either were because the worker, still connected, did nothing for too long. */
  readonly blocked?: number;
  readonly blockedAlone?: number;
  /** It began in an attempt that does not count: it asked to be put off, or its worker stopped. */
  readonly begun?: boolean;
  /** It runs alone now. */
  readonly alone?: boolean;
  /** Times it waited in vain to be alone. */
  readonly waitedAlone?: number;
  /** When a worker first found that it has no handler for it. */
  readonly unhandledSince?: number;
  readonly history?: readonly JobFailure[];
  /** What its steps gave, as JSON, by their names. */
  readonly steps?: Readonly<Record<string, string>>;
  /** What took its place while it waited: a job of its id. */
  readonly text?: string;
}

const HISTORY = 10;

/** Of what does not fit nothing is remembered; never throws. */
export function readState(text: string | null | undefined): JobState {
  if (!text) return {};
  const { alone, begun, history, steps, text: latest, ...counts } = parseObject(text) ?? {};
  return {
    ...numbersOf(counts),
    ...(alone === true && { alone }),
    ...(begun === true && { begun }),
    ...(Array.isArray(history) && { history: history.filter(isFailure) }),
    ...(isJsonObject(steps) && { steps: stepsFrom(steps) }),
    ...(typeof latest === 'string' && { text: latest }),
  };
}

/** What does not fit is not heard. */
export function stepsFrom(given: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

const NUMBERS = [
  'failures',
  'lost',
  'lostAlone',
  'blocked',
  'blockedAlone',
  'waitedAlone',
  'unhandledSince',
] as const;

function numbersOf(given: JsonObject): Partial<Record<(typeof NUMBERS)[number], number>> {
  return Object.fromEntries(NUMBERS.flatMap((name) => (isCount(given[name]) ? [[name, given[name]]] : [])));
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

export function isFailure(value: unknown): value is JobFailure {
  return isJsonObject(value) && typeof value['at'] === 'number' && typeof value['error'] === 'string';
}

/** The number of the next attempt, from 1. */
export function attemptOf({ failures = 0, lost = 0, lostAlone = 0 }: JobState): number {
  return failures + lost + lostAlone + 1;
}

/**
 * What to do with a job that was lost before. A job that kills its worker must end, and the jobs that ran beside it must
 * not end with it: so the last attempt is made alone. Workers are killed for other reasons too: only a job that was lost
 * alone as often as it has attempts is given up. One that blocked its worker while nothing else ran there is given up at
 * once: nothing else can have been the cause, and each further attempt costs another worker.
 */
export function verdictOf(state: JobState, attempts: number): 'run' | 'alone' | 'dead' {
  const { lost = 0, lostAlone = 0, blocked = 0, blockedAlone = 0 } = state;
  if (blockedAlone > 0) return 'dead';
  if (blocked > 0) return lostAlone >= attempts ? 'dead' : 'alone';
  if (lost + lostAlone === 0 || attemptOf(state) < attempts) return 'run';
  return lostAlone >= attempts ? 'dead' : 'alone';
}

export function withFailure(state: JobState, failure: JobFailure): JobState {
  return { ...withNote(state, failure), failures: (state.failures ?? 0) + 1 };
}

/** It ran, so there was a handler for it. */
function withNote(
  { alone, begun, unhandledSince, waitedAlone, ...state }: JobState,
  failure: JobFailure,
): JobState {
  return { ...state, history: [...(state.history ?? []), failure].slice(-HISTORY) };
}
