import { parseValue } from '../../protocol/json.js';
import type { DeadJob, DeadLetterText } from '../model/dead-letter.js';
import { readEnd } from '../model/job-event.js';
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
  /** The outcome of a cancelled job is kept as long as that of a dead one, and neither counted nor listed. */
  readonly state: JobStateName | 'cancelled';
  /** Undefined for a job that completed or was cancelled: only its outcome is kept. */
  readonly data?: unknown;
  /** By the clock of whoever added it. */
  readonly enqueuedAt?: Date;
  /** Attempts that were begun, the one that runs or completed included; undefined for a cancelled job. */
  readonly attempts: number | undefined;
  /** Why the last one that did not complete did not, or why it was cancelled. */
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
  const event = readEnd(text);
  if (event?.type !== 'completed') return undefined;
  const { id, pattern, attempt, finishedAt, result } = event;
  return { id, pattern, state: 'completed', attempts: attempt, finishedAt, result };
}

/** Of a job that completed or was cancelled, from what is kept of it. */
export function endedView(text: string | null): JobView | undefined {
  const event = readEnd(text);
  if (event?.type !== 'cancelled') return completedView(text);
  const { id, pattern, reason, finishedAt } = event;
  return { id, pattern, state: 'cancelled', attempts: undefined, error: reason, finishedAt };
}

function enqueuedOf(job: ReadJob | undefined): Pick<JobView, 'enqueuedAt'> {
  const at = job && enqueuedAt(job.message);
  return at && !Number.isNaN(at.getTime()) ? { enqueuedAt: at } : {};
}

function attemptsOf(state: JobStateName, known: JobState) {
  const error = known.history?.at(-1)?.error;
  return { attempts: attemptOf(known) - (state === 'active' ? 0 : 1), ...(error !== undefined && { error }) };
}
