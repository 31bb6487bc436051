import { Cron } from 'croner';

import type { JobSettings } from '../delivery/job.writing.js';
import { HydraError } from '../hydra.error.js';
import { isJsonObject, parseObject } from '../protocol/json.js';

/**
 * When a job repeats, and what belongs to each of them.
 *
 * @publicApi
 */
export interface RepeatOptions extends Pick<JobSettings, 'attempts' | 'backoff' | 'timeoutMs'> {
  /** One of the service's named queues. @defaultValue 'default' */
  readonly queue?: string;
  /** IANA name of the zone in which the expression is meant. @defaultValue 'UTC' */
  readonly timeZone?: string;
}

/**
 * A repeating job.
 *
 * @publicApi
 */
export interface Schedule {
  readonly name: string;
  /** Five fields, or six with seconds in front. */
  readonly cron: string;
  readonly timeZone: string;
  readonly pattern: string;
  readonly data: unknown;
  /** By the clock of Redis; undefined when there is no further one. */
  readonly nextAt: Date | undefined;
}

/** A repeating job as it is stored. */
export interface StoredSchedule extends JobSettings {
  readonly cron: string;
  readonly timeZone: string;
  readonly pattern: string;
  readonly data?: unknown;
}

/**
 * The first tick after an instant, as Unix time in milliseconds; undefined when there is none.
 *
 * @throws HydraError `BAD_OPTION` for an expression or a zone that is none
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

export function writeSchedule(schedule: StoredSchedule): string {
  return JSON.stringify(schedule);
}

export function readSchedule(text: string): StoredSchedule | undefined {
  const stored = parseObject(text);
  if (!isJsonObject(stored) || typeof stored['cron'] !== 'string' || typeof stored['pattern'] !== 'string') {
    return undefined;
  }
  return { timeZone: 'UTC', ...stored } as unknown as StoredSchedule;
}
