import { Cron } from 'croner';

import { writeJob, type JobSettings } from '../producer/job-writing.js';
import { HydraError } from '../../hydra-error.js';
import { isJsonObject, parseObject } from '../../protocol/json.js';
import { fromPayload, toPayload } from '../../protocol/payload.js';

/**
 * Options of a repeating job.
 *
 * @publicApi
 */
export interface RepeatOptions extends Pick<JobSettings, 'attempts' | 'backoff' | 'timeoutMs'> {
  /** One of the service's named queues. @defaultValue 'default' */
  readonly queue?: string;
  /** IANA name of the time zone of the expression. @defaultValue 'UTC' */
  readonly timeZone?: string;
}

/**
 * A repeating job.
 *
 * @publicApi
 */
export interface Schedule {
  /** Its name in the queue. */
  readonly name: string;
  /** The cron expression: five fields, or six with seconds in front. */
  readonly cron: string;
  /** IANA name of the time zone of the expression. */
  readonly timeZone: string;
  /** The pattern of its jobs. */
  readonly pattern: string;
  /** The data of its jobs. */
  readonly data: unknown;
  /** The time of its next job, by the clock of Redis; undefined when there is no further one. */
  readonly nextAt: Date | undefined;
}

/** A repeating job as it is stored. */
export interface StoredSchedule extends JobSettings {
  readonly cron: string;
  readonly timeZone: string;
  readonly pattern: string;
  readonly data?: unknown;
}

/** As JSON: bytes are marked, and it says that there are some. */
interface WrittenSchedule extends StoredSchedule {
  readonly bytes?: number;
}

/**
 * The first tick after an instant, as Unix time in milliseconds; undefined when there is none.
 *
 * @throws HydraError `BAD_OPTION` for a wrong expression or zone
 */
export function nextTick(cron: string, timeZone: string, after: number): number | undefined {
  try {
    return new Cron(cron, { timezone: timeZone }).nextRun(new Date(after))?.getTime();
  } catch (cause) {
    throw new HydraError('BAD_OPTION', `cron "${cron}" in timeZone "${timeZone}": ${String(cause)}`, {
      cause,
    });
  }
}

export function noTick(cron: string, timeZone: string): HydraError {
  return new HydraError('BAD_OPTION', `cron "${cron}" in timeZone "${timeZone}" has no further tick`);
}

/** @throws HydraError `BAD_PAYLOAD` for data that is not JSON */
export function writeSchedule(schedule: StoredSchedule): string {
  const { data, hasBytes } = toPayload(schedule.data, `the data of "${schedule.pattern}"`);
  return JSON.stringify(hasBytes ? { ...schedule, data, bytes: 1 } : schedule);
}

export function readSchedule(text: string): StoredSchedule | undefined {
  const stored = parseObject(text);
  if (!isJsonObject(stored) || typeof stored['cron'] !== 'string' || typeof stored['pattern'] !== 'string') {
    return undefined;
  }
  const { bytes, ...schedule } = { timeZone: 'UTC', ...stored } as unknown as WrittenSchedule;
  if (bytes !== 1) return schedule;
  return { ...schedule, data: fromPayload(schedule.data, (base64) => Buffer.from(base64, 'base64')) };
}

/**
 * The text of a tick's job. Its id is made of the name and the tick, so that the same tick has the same job wherever it is
 * added.
 *
 * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`
 */
export function jobOfTick(
  name: string,
  { pattern, data, attempts, backoff, timeoutMs }: StoredSchedule,
  tick: number,
  service: string,
  maxBytes: number,
): string {
  const job = { service, from: `${service}:/`, pattern, data, attempts, backoff, timeoutMs };
  return writeJob(job, { mid: `${name}:${tick}`, timestamp: new Date(tick).toISOString() }, maxBytes);
}
