import { rememberLast } from '../../runtime/remember-last.js';
import { HydraError } from '../../hydra-error.js';
import { isJsonObject, parseObject, parseValue } from '../../protocol/json.js';
import { mustBePlain, stringify } from '../../protocol/payload.js';
import { readJob, type ReadJob } from './job-text.js';

/**
 * Something that happened to a job.
 *
 * @publicApi
 */
export type JobEvent =
  | CompletedEvent
  | {
      readonly type: 'failed';
      readonly id: string;
      readonly pattern: string;
      readonly attempt: number;
      readonly error: string;
      /** When it is tried again. */
      readonly retryInMs: number;
    }
  | {
      readonly type: 'dead';
      readonly id: string;
      readonly pattern: string;
      readonly attempt: number;
      readonly error: string;
      /** The timestamp of the job's message: which of several jobs of the id it was. */
      readonly addedOn?: string;
      /** A job that was added under its id meanwhile follows it. */
      readonly hasFollower?: true;
    }
  | CancelledEvent
  /** It was added. Of a plain job it is told afterwards, by a process that looks once in a second whether somebody listens. */
  | { readonly type: 'added'; readonly id: string; readonly pattern: string }
  /** Nothing waits in the queue any more; jobs may still run. It is of no job. */
  | { readonly type: 'drained'; readonly id: ''; readonly pattern: '' }
  /** A worker has taken it to run it. */
  | { readonly type: 'started'; readonly id: string; readonly pattern: string }
  /** Its worker died or was blocked: it waits again, at its place. */
  | { readonly type: 'stalled'; readonly id: string; readonly pattern: string; readonly error: string }
  /** Somebody took it out. */
  | { readonly type: 'removed'; readonly id: string; readonly pattern: string }
  | {
      readonly type: 'progress';
      readonly id: string;
      readonly pattern: string;
      /** Undefined where `isLarge` says so. */
      readonly value?: unknown;
      /** The value is too large for an event: `get` has it. */
      readonly isLarge?: true;
    };

/** A job has completed. @publicApi */
export interface CompletedEvent {
  /** The kind of the event. */
  readonly type: 'completed';
  /** The id of the job. */
  readonly id: string;
  /** The pattern of the job. */
  readonly pattern: string;
  /** The number of the attempt that completed it, from 1. */
  readonly attempt: number;
  /** When it completed, by the clock of Redis. */
  readonly finishedAt: Date;
  /** How long the last attempt ran, in milliseconds. */
  readonly tookMs: number;
  /** The id of the instance that ran it. */
  readonly worker?: string;
  /** When it was added, by the clock of the process that added it. */
  readonly enqueuedAt?: Date;
  /** The data of the job, where `queue.completed.data` says that it is kept. */
  readonly data?: unknown;
  /** The handler's return; undefined also where that was no JSON data, or larger than `maxPayloadBytes`. */
  readonly result?: unknown;
  /** The result is too large for an event: `result` and `get` have it. */
  readonly isLarge?: true;
  /** A job that was added under its id meanwhile follows it. */
  readonly hasFollower?: true;
}

/**
 * A job was cancelled.
 *
 * @publicApi
 */
export interface CancelledEvent {
  /** The kind of the event. */
  readonly type: 'cancelled';
  /** The id of the job. */
  readonly id: string;
  /** The pattern of the job. */
  readonly pattern: string;
  /** The reason that was given to `cancel`. */
  readonly reason: string;
  /** When it was cancelled, by the clock of Redis. */
  readonly finishedAt: Date;
  /** When it was added, by the clock of the process that added it. */
  readonly enqueuedAt?: Date;
}

/**
 * A larger event is told without its result or value. Whoever waits for one small result hears of every job, and Redis
 * closes a subscriber that has too much to read.
 */
export const EVENT_BYTES = 8_192;
/** One PUBLISH of many events has about so many at most. */
export const PUBLISH_BYTES = 262_144;

/**
 * Result and job stand last, where a script can cut them off.
 *
 * @param text the result as JSON, see {@link resultText}; undefined for none
 * @param raw the text of the job, where it is kept
 */
export function writeCompleted(
  event: Required<Omit<WrittenCompleted, 'type' | 'result' | 'job' | 'isLarge' | 'hasFollower'>>,
  text?: string,
  raw?: string,
): string {
  const { id, pattern, attempt, finishedOn, tookMs, worker, addedOn } = event;
  const names = `"type":"completed","id":${JSON.stringify(id)},"pattern":${patternText(pattern)}`;
  const times = `"attempt":${attempt},"finishedOn":${finishedOn},"tookMs":${tookMs}`;
  const origin = `"worker":${workerText(worker)},"addedOn":${timeText(addedOn)}`;
  const result = text === undefined ? '' : `,"result":${text}`;
  const job = raw === undefined ? '' : `,"job":${raw}`;
  return `{${names},${times},${origin}${result}${job}}`;
}

// Jobs that end one after another mostly have these in common.
const [patternText, workerText, timeText] = [quoted(), quoted(), quoted()];

function quoted(): (text: string) => string {
  return rememberLast((text) => JSON.stringify(text));
}

/** @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE` */
export function resultText(pattern: string, value: unknown, maxBytes: number): string | undefined {
  const what = `the result of "${pattern}"`;
  const text = stringify(what, value) as string | undefined;
  mustBePlain(value, what);
  if (text === undefined || text.length <= maxBytes) return text;
  const limit = `more than maxPayloadBytes=${maxBytes}`;
  throw new HydraError('PAYLOAD_TOO_LARGE', `${what} has ${text.length} characters, ${limit}`);
}

/** @param text the value as JSON */
export function progressEvent(id: string, pattern: string, text: string): string {
  const names = `{"type":"progress","id":${JSON.stringify(id)},"pattern":${JSON.stringify(pattern)}`;
  const value = Buffer.byteLength(text) > EVENT_BYTES ? '"isLarge":true' : `"value":${text}`;
  return `${names},${value}}`;
}

/** A job that was added, as JSON. */
export function writeAdded({ id, pattern }: { readonly id: string; readonly pattern: string }): string {
  return JSON.stringify({ type: 'added', id, pattern });
}

/** The event of a cancelled job as JSON, but for its time, which Redis adds. */
export function writeCancelled(job: ReadJob | undefined, reason: string): string {
  const { id = '', pattern = '', message } = job ?? {};
  return JSON.stringify({ type: 'cancelled', id, pattern, reason, addedOn: message?.timestamp });
}

/** A {@link CompletedEvent} as JSON. */
interface WrittenCompleted extends Omit<CompletedEvent, 'finishedAt' | 'enqueuedAt' | 'data'> {
  /** Unix time in milliseconds, by the clock of Redis. */
  readonly finishedOn: number;
  /** The timestamp of the job's message. */
  readonly addedOn?: string;
  /** The job itself, where it is kept. */
  readonly job?: unknown;
}

/** A {@link CancelledEvent} as JSON. */
interface WrittenCancelled extends Omit<CancelledEvent, 'finishedAt' | 'enqueuedAt'> {
  readonly finishedOn: number;
  readonly addedOn?: string;
}

type WrittenEvent = Exclude<JobEvent, CompletedEvent | CancelledEvent> | WrittenCompleted | WrittenCancelled;

/** What somebody else published is not heard; never throws. */
export function readEvents(text: string): readonly JobEvent[] {
  const events = parseValue(text);
  return Array.isArray(events) ? events.filter(isEvent).map(readEvent) : [];
}

const ENDS: ReadonlySet<string> = new Set(['completed', 'dead', 'cancelled'] satisfies JobEvent['type'][]);

/** How a job ended, from what is kept of that; undefined for anything else. Never throws. */
export function readEnd(text: string | null): JobEvent | undefined {
  const event: unknown = parseObject(text);
  return isEvent(event) && ENDS.has(event.type) ? readEvent(event) : undefined;
}

function readEvent(event: WrittenEvent): JobEvent {
  if (!('finishedOn' in event)) return event;
  const finishedAt = new Date(event.finishedOn);
  if (event.type === 'cancelled') {
    const { finishedOn: _on, addedOn, ...rest } = event;
    return { ...rest, finishedAt, ...addedAt(addedOn) };
  }
  const { finishedOn: _on, addedOn, job, ...rest } = event;
  return {
    ...rest,
    finishedAt,
    ...addedAt(addedOn),
    ...(job !== undefined && { data: readJob(JSON.stringify(job))?.data }),
  };
}

function addedAt(addedOn = ''): { readonly enqueuedAt?: Date } {
  const enqueuedAt = new Date(addedOn);
  return Number.isNaN(enqueuedAt.getTime()) ? {} : { enqueuedAt };
}

/**
 * Whether an end may be that of the job with this timestamp: an earlier or a later job can have had its id. Also where either of
 * the times is not known.
 */
export function isEndOf(event: JobEvent, addedOn: string | undefined): boolean {
  const known = addedOnOf(event);
  return addedOn === undefined || known === undefined || known === addedOn;
}

function addedOnOf(event: JobEvent): string | undefined {
  if (event.type === 'dead') return event.addedOn || undefined;
  return 'enqueuedAt' in event ? event.enqueuedAt?.toISOString() : undefined;
}

const TOLD: ReadonlySet<unknown> = new Set(['progress', 'removed', 'started', 'added', 'drained']);

function isEvent(event: unknown): event is WrittenEvent {
  if (!isJsonObject(event) || typeof event['id'] !== 'string' || typeof event['pattern'] !== 'string') {
    return false;
  }
  const { type, attempt, error, retryInMs, finishedOn, tookMs, reason } = event;
  if (TOLD.has(type)) return true;
  if (type === 'stalled') return typeof error === 'string';
  if (type === 'cancelled') return typeof finishedOn === 'number' && typeof reason === 'string';
  if (typeof attempt !== 'number') return false;
  if (type === 'completed') return typeof finishedOn === 'number' && typeof tookMs === 'number';
  return (
    typeof error === 'string' && (type === 'dead' || (type === 'failed' && typeof retryInMs === 'number'))
  );
}
