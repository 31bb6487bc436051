import type { BackoffRule } from '../hydra.options.js';
import { isJsonObject } from '../protocol/json.js';
import { decodeJob, encodeJob } from '../protocol/job.js';
import { createMessage, patternOf, type Stamp, type UmfMessage } from '../protocol/message.js';
import { fromPayload, stringify, toPayload } from '../protocol/payload.js';

/** The header that carries what a plain Hydra message has no place for. Hydra 1.x passes it on untouched. */
const SETTINGS = 'hydraJob';

/** What the producer of a job says beyond its pattern and data; it goes before the handler's options. */
export interface JobSettings {
  readonly attempts?: number | undefined;
  readonly backoff?: number | BackoffRule | undefined;
  readonly timeoutMs?: number | undefined;
}

interface StoredSettings extends JobSettings {
  /** Data that a message would leave out: null, false, 0, ''. */
  readonly data?: unknown;
  /** 1: the data holds marked bytes. */
  readonly bytes?: number;
}

export interface NewJob extends JobSettings {
  readonly service: string;
  readonly from: string;
  readonly pattern: string;
  readonly data: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

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

/**
 * The text of a job: a short UMF message, in the bytes that a Hydra 1.x worker can acknowledge.
 *
 * @throws HydraError `BAD_PAYLOAD`
 */
export function writeJob(job: NewJob, stamp: Stamp): string {
  const text = encode(job, job.data, settingsOf(job, false), stamp);
  // Only now that it is known to be free of cycles can the data be searched for bytes.
  const { data, hasBytes } = toPayload(job.data);
  return hasBytes ? encode(job, data, settingsOf(job, true), stamp) : text;
}

function encode(job: NewJob, body: unknown, settings: StoredSettings | undefined, stamp: Stamp): string {
  const { service, from, pattern } = job;
  const headers = settings ? { ...job.headers, [SETTINGS]: settings } : job.headers;
  const message = createMessage({ to: `${service}:/`, from, type: pattern, body, headers }, stamp);
  try {
    return encodeJob(message);
  } catch (cause) {
    // Says what is wrong with the data, where it is the data.
    stringify(`the data of "${pattern}"`, body);
    throw cause;
  }
}

function settingsOf(job: NewJob, hasBytes: boolean): StoredSettings | undefined {
  const { attempts, backoff, timeoutMs, data } = job;
  const isLeftOut = !data && data !== undefined;
  if (attempts === undefined && backoff === undefined && timeoutMs === undefined && !isLeftOut && !hasBytes) {
    return undefined;
  }
  return {
    ...(attempts !== undefined && { attempts }),
    ...(backoff !== undefined && { backoff }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(isLeftOut && { data }),
    ...(hasBytes && { bytes: 1 }),
  };
}

/** Undefined for text that is no JSON object; never throws. */
export function readJob(raw: string): ReadJob | undefined {
  const message = decodeJob(raw)?.message;
  if (!message) return undefined;
  if (!message.headers) return plainJob(raw, message);
  const { [SETTINGS]: given, ...headers } = message.headers;
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

const NOTHING = Object.freeze({});

/** Most jobs have no headers. */
function plainJob(raw: string, message: UmfMessage): ReadJob {
  const pattern = patternOf(message);
  return { raw, id: message.mid, pattern, data: message.body, headers: NOTHING, settings: NOTHING, message };
}

/** An invalid one where the message has none. */
export function enqueuedAt({ timestamp }: UmfMessage): Date {
  return new Date(timestamp || NaN);
}

function dataOf(body: unknown, { data, bytes }: StoredSettings): unknown {
  if (bytes === 1) return fromPayload(body, (base64) => Buffer.from(base64, 'base64'));
  return body === undefined ? data : body;
}

/** Strangers write to queues as well: what does not fit is not heard. */
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
