import { parseValue } from '../../protocol/json.js';
import type { DeadJob, DeadLetterText } from '../model/dead-letter.js';
import { readEnd, type CompletedEvent } from '../model/job-event.js';
import { attemptOf, readState, type JobState } from '../model/job-state.js';
import { enqueuedAt, type ReadJob } from '../model/job-text.js';

/** The states of a job, as `list` takes them. @publicApi */
export type JobStateName = 'waiting' | 'active' | 'delayed' | 'dead' | 'completed';

/**
 * How many jobs there are in each state.
 *
 * @publicApi
 */
export interface JobCounts {
  /** Jobs that wait for a worker. */
  readonly waiting: number;
  /** Jobs that workers have leased. */
  readonly active: number;
  /** Jobs that may not start yet: delayed ones, and those that wait for a retry. */
  readonly delayed: number;
  /** Dead letters. */
  readonly dead: number;
  /** Completed jobs whose outcome is still kept. */
  readonly completed: number;
  /** Whether the queue is paused. */
  readonly isPaused: boolean;
  /** Workers of this library that read the queue. Those of Hydra 1.x are not seen. */
  readonly workers: number;
  /** How many waiting jobs were set aside because no worker has a handler for their pattern, by pattern. */
  readonly unhandled: Readonly<Record<string, number>>;
  /** When the oldest of those that wait was added, by the clock of the process that added it; undefined when none waits. */
  readonly oldestWaitingAt: Date | undefined;
}

/**
 * How many jobs ended in a second, lately: over the last ten seconds, by the clock of Redis. They are counted by the outcomes that are
 * kept; where more end than are kept for so long, over the time of which all are kept.
 *
 * @publicApi
 */
export interface JobRates {
  /** Jobs that completed. */
  readonly completedPerS: number;
  /** Jobs that were given up, and are dead letters still, or were cancelled. */
  readonly failedPerS: number;
}

/**
 * A job in its present state.
 *
 * @publicApi
 */
export interface JobView {
  /** The id of the job. */
  readonly id: string;
  /** The pattern of the job. */
  readonly pattern: string;
  /** The outcome of a cancelled job is kept as long as that of a dead one, and neither counted nor listed. */
  readonly state: JobStateName | 'cancelled';
  /**
   * The data of the job; undefined for one that was cancelled, and for one that completed, unless `queue.completed.data` says that it
   * is kept.
   */
  readonly data?: unknown;
  /** When it was added, by the clock of the process that added it. */
  readonly enqueuedAt?: Date;
  /** How many attempts were begun, including the one that runs or completed; undefined for a cancelled job. */
  readonly attempts: number | undefined;
  /** The error of the last failed attempt, or the reason of the cancellation. */
  readonly error?: string;
  /** When a delayed job may start, by the clock of Redis. */
  readonly dueAt?: Date;
  /** When the attempt that completed it began, by the clock of Redis. */
  readonly startedAt?: Date;
  /** How long that attempt ran, in milliseconds; undefined unless it is completed. */
  readonly tookMs?: number;
  /** The id of the instance that completed it. */
  readonly worker?: string;
  /** When it completed, was cancelled or became a dead letter, by the clock of Redis. */
  readonly finishedAt?: Date;
  /** What its handler returned; undefined unless it is completed. */
  readonly result?: unknown;
  /** What the handler last reported. */
  readonly progress?: unknown;
}

/** Which part of a list is read. @publicApi */
export interface Page {
  /** How many entries are skipped. @defaultValue 0 */
  readonly offset?: number;
  /** How many entries are read at most. @defaultValue 100 */
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
export function publicDead({
  raw: _raw,
  jobText: _text,
  addedOn: _on,
  steps: _steps,
  ...dead
}: DeadLetterText): DeadJob {
  return dead;
}

export function deadView({ id, pattern, data, reason, diedAt, attempts }: DeadJob): JobView {
  return { id, pattern, state: 'dead', data, attempts, error: reason, ...(diedAt && { finishedAt: diedAt }) };
}

export function completedView(text: string | null): JobView | undefined {
  const event = readEnd(text);
  return event?.type === 'completed' ? viewOfCompleted(event) : undefined;
}

export function viewOfCompleted(event: CompletedEvent): JobView {
  const { type: _type, attempt, finishedAt, tookMs, isLarge: _large, hasFollower: _next, ...rest } = event;
  const startedAt = new Date(finishedAt.getTime() - tookMs);
  return { state: 'completed', attempts: attempt, startedAt, finishedAt, tookMs, result: undefined, ...rest };
}

/** However it ended, from what is kept of that. */
export function outcomeView(text: string | null): JobView | undefined {
  const event = readEnd(text);
  if (event?.type !== 'dead') return endedView(text);
  const { id, pattern, attempt, error, addedOn } = event;
  const enqueued = addedOn ? { enqueuedAt: new Date(addedOn) } : {};
  return { id, pattern, state: 'dead', attempts: attempt, error, ...enqueued };
}

/** Of a job that completed or was cancelled, from what is kept of it. */
export function endedView(text: string | null): JobView | undefined {
  const event = readEnd(text);
  if (event?.type !== 'cancelled') return completedView(text);
  const { type: state, reason: error, ...rest } = event;
  return { ...rest, state, attempts: undefined, error };
}

function enqueuedOf(job: ReadJob | undefined): Pick<JobView, 'enqueuedAt'> {
  const at = job && enqueuedAt(job.message);
  return at && !Number.isNaN(at.getTime()) ? { enqueuedAt: at } : {};
}

function attemptsOf(state: JobStateName, known: JobState) {
  const error = known.history?.at(-1)?.error;
  return { attempts: attemptOf(known) - (state === 'active' ? 0 : 1), ...(error !== undefined && { error }) };
}
