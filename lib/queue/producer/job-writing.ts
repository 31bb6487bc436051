import type { BackoffRule } from '../../hydra-options.js';
import { encodeJob } from '../../protocol/job.js';
import { createMessage, type Stamp } from '../../protocol/message.js';
import { stringify, toPayload, withinLimit } from '../../protocol/payload.js';

/** The header that carries what a plain Hydra message has no place for. Hydra 1.x passes it on untouched. */
export const JOB_SETTINGS = 'hydraJob';

/** What the producer of a job says beyond its pattern and data; it overrides the handler's options. @publicApi */
export interface JobSettings {
  /** How often the job is tried before it becomes a dead letter. */
  readonly attempts?: number | undefined;
  /** The wait before the next attempt: milliseconds or a rule. */
  readonly backoff?: number | BackoffRule | undefined;
  /** Longest run of one attempt, in milliseconds; 0 means no limit. */
  readonly timeoutMs?: number | undefined;
}

export interface StoredSettings extends JobSettings {
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

/**
 * The text of a job: a short UMF message, in the bytes that a Hydra 1.x worker can acknowledge.
 *
 * @param maxBytes what it may have at most
 * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`
 */
export function writeJob(job: NewJob, stamp: Stamp, maxBytes: number): string {
  const text = encode(job, job.data, settingsOf(job, false), stamp);
  // Only now that it is known to be free of cycles can the data be walked quickly.
  const { data, hasBytes } = toPayload(job.data, `the data of "${job.pattern}"`);
  return withinLimit(
    `a job "${job.pattern}"`,
    hasBytes ? encode(job, data, settingsOf(job, true), stamp) : text,
    maxBytes,
  );
}

function encode(job: NewJob, body: unknown, settings: StoredSettings | undefined, stamp: Stamp): string {
  const { service, from, pattern } = job;
  const headers = settings ? { ...job.headers, [JOB_SETTINGS]: settings } : job.headers;
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
