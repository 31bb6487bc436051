import { parseValue } from '../../protocol/json.js';
import type { DeadJob, DeadLetterText } from '../model/dead-letter.js';
import { readCompleted } from '../model/job-event.js';
import { attemptOf, readState, type JobState } from '../model/job-state.js';
import { enqueuedAt, type ReadJob } from '../model/job-text.js';

/** @publicApi */
export type JobStateName = 'waiting' | 'active' | 'delayed' | 'dead' | 'completed';

/**
 * How many jobs there are in each state.
 *
 * @publicApi
 */
export interface JobCounts {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly dead: number;
  /** Those whose outcome is still kept. */
  readonly completed: number;
  readonly isPaused: boolean;
  /** By pattern, how many of those that wait were set aside because no worker has a handler for it. */
  readonly unhandled: Readonly<Record<string, number>>;
}

/**
 * A job as it stands.
 *
 * @publicApi
 */
export interface JobView {
  readonly id: string;
  readonly pattern: string;
  readonly state: JobStateName;
  /** Undefined for a completed job: only its outcome is kept. */
  readonly data?: unknown;
  /** By the clock of whoever added it. */
  readonly enqueuedAt?: Date;
  /** Attempts that were begun, the one that runs or completed included. */
  readonly attempts: number;
  /** Why the last one that did not complete did not. */
  readonly error?: string;
  /** From when a delayed job may start, by the clock of Redis. */
  readonly dueAt?: Date;
  readonly finishedAt?: Date;
  readonly result?: unknown;
  /** What the handler last reported. */
  readonly progress?: unknown;
}

/** Where to begin in a list, and how much to read. @publicApi */
export interface Page {
  /** @defaultValue 0 */
  readonly offset?: number;
  /** @defaultValue 100 */
  readonly limit?: number;
}

/** A job that is not settled yet, from its text, what is remembered of it, and its last progress. */
export function openView(
  state: JobStateName,
  job: ReadJob | undefined,
  stateText: string | null | undefined,
  progress: string | null | undefined,
): JobView {
  return {
    id: job?.id ?? '',
    pattern: job?.pattern ?? '',
    state,
    data: job?.data,
    ...enqueuedOf(job),
    ...attemptsOf(state, readState(stateText)),
    ...(typeof progress === 'string' && { progress: parseValue(progress) }),
  };
}

/** What a person sees of a dead letter. */
export function publicDead({ raw: _raw, jobText: _text, addedOn: _on, ...dead }: DeadLetterText): DeadJob {
  return dead;
}

export function deadView({ id, pattern, data, reason, diedAt, attempts }: DeadJob): JobView {
  return { id, pattern, state: 'dead', data, attempts, error: reason, ...(diedAt && { finishedAt: diedAt }) };
}

export function completedView(text: string | null): JobView | undefined {
  const event = text === null ? undefined : readCompleted(text);
  if (!event) return undefined;
  const { id, pattern, attempt, finishedAt, result } = event;
  return { id, pattern, state: 'completed', attempts: attempt, finishedAt, result };
}

function enqueuedOf(job: ReadJob | undefined): Pick<JobView, 'enqueuedAt'> {
  const at = job && enqueuedAt(job.message);
  return at && !Number.isNaN(at.getTime()) ? { enqueuedAt: at } : {};
}

function attemptsOf(state: JobStateName, known: JobState) {
  const error = known.history?.at(-1)?.error;
  return { attempts: attemptOf(known) - (state === 'active' ? 0 : 1), ...(error !== undefined && { error }) };
}
