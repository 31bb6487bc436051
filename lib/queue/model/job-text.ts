import { JOB_SETTINGS, type JobSettings, type StoredSettings } from '../producer/job-writing.js';
import type { BackoffRule } from '../../hydra-options.js';
import { isJsonObject } from '../../protocol/json.js';
import { decodeJob } from '../../protocol/job.js';
import { patternOf, type UmfMessage } from '../../protocol/message.js';
import { fromPayload } from '../../protocol/payload.js';
import { readIsoTime } from '../../runtime/iso-time.js';

/** A job as read from its text. */
export interface ReadJob {
  readonly raw: string;
  readonly id: string;
  readonly pattern: string;
  readonly data: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly settings: JobSettings;
  readonly message: UmfMessage;
}

/** Undefined for text that is no JSON object; never throws. */
export function readJob(raw: string): ReadJob | undefined {
  const message = decodeJob(raw)?.message;
  if (!message) return undefined;
  if (!message.headers) return plainJob(raw, message);
  const { [JOB_SETTINGS]: given, ...headers } = message.headers;
  const stored: StoredSettings = isJsonObject(given) ? given : {};
  return {
    raw,
    id: message.mid,
    pattern: patternOf(message),
    data: dataOf(message.body, stored),
    headers: headers as Record<string, string>,
    settings: settingsFrom(stored),
    message,
  };
}

/** The same, with what took the place of a job: it keeps the bytes and the time by which it is known. */
export function readLatest(raw: string, latest: string | undefined): ReadJob | undefined {
  const job = latest === undefined ? undefined : readJob(latest);
  if (!job) return readJob(raw);
  const { timestamp = '' } = readJob(raw)?.message ?? {};
  return { ...job, raw, message: { ...job.message, timestamp } };
}

const NOTHING = Object.freeze({});

/** Most jobs have no headers. */
function plainJob(raw: string, message: UmfMessage): ReadJob {
  const pattern = patternOf(message);
  return { raw, id: message.mid, pattern, data: message.body, headers: NOTHING, settings: NOTHING, message };
}

/** An invalid one where the message has none. */
export function enqueuedAt(message: UmfMessage): Date {
  return new Date(addedAt(message));
}

/** The same as Unix time in milliseconds; NaN where the message has none. */
export function addedAt({ timestamp }: UmfMessage): number {
  return readIsoTime(timestamp);
}

/** The same as it is noted beside a job: 0 where the message says nothing, or, of a foreign producer, a time before 1970. */
export function notedAddedAt(message: UmfMessage): number {
  return Math.max(0, addedAt(message) || 0);
}

function dataOf(body: unknown, { data, bytes }: StoredSettings): unknown {
  if (bytes === 1) return fromPayload(body, (base64) => Buffer.from(base64, 'base64'));
  return body === undefined ? data : body;
}

/** Others write to queues as well: what does not fit is not heard. */
function settingsFrom({ attempts, backoff, timeoutMs }: StoredSettings): JobSettings {
  return {
    attempts: isCount(attempts, 1) ? attempts : undefined,
    backoff: isCount(backoff, 0) || isRule(backoff) ? backoff : undefined,
    timeoutMs: isCount(timeoutMs, 0) ? timeoutMs : undefined,
  };
}

function isCount(value: unknown, min: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min;
}

function isRule(value: unknown): value is BackoffRule {
  if (!isJsonObject(value)) return false;
  const { type, delayMs, maxMs = 0 } = value;
  return (type === 'fixed' || type === 'exponential') && isCount(delayMs, 0) && isCount(maxMs, 0);
}
