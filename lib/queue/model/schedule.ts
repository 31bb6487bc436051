import { Cron } from 'croner';

import { writeJob, type JobSettings } from '../producer/job-writing.js';
import { HydraError } from '../../hydra-error.js';
import { isJsonObject, parseObject } from '../../protocol/json.js';
import { fromPayload, toPayload } from '../../protocol/payload.js';
import type { JobPriority } from './priority.js';

/** A repeating job without a cron expression. @publicApi */
export interface RepeatEvery {
  /** The time from one job to the next, in milliseconds. It is counted from `startAt`, else from the year 1970, in UTC. */
  readonly everyMs: number;
}

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
  /** No job before this instant; with `everyMs` it is that of the first one. @defaultValue at once */
  readonly startAt?: Date;
  /** No job is added after this instant, not even for a tick that was missed or held back. @defaultValue never */
  readonly endAt?: Date;
  /** How many jobs it adds in all. @defaultValue no limit */
  readonly count?: number;
  /** True: the first job comes when it is set and was not there, and not only at its first tick. @defaultValue false */
  readonly atOnce?: boolean;
  /**
   * What a tick does while the job of the one before waits or runs: `'skip'`, it adds none; `'queue'`, it adds one as soon as that
   * has ended, and the ticks that passed meanwhile are made up for by this one. Left out, each tick adds its job.
   */
  readonly overlap?: 'skip' | 'queue';
  /** The priority of its jobs, as that of `add`. @defaultValue 0 */
  readonly priority?: JobPriority;
  /** The headers of its jobs, as those of `add`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A repeating job.
 *
 * @publicApi
 */
export interface Schedule {
  /** Its name in the queue. */
  readonly name: string;
  /** The cron expression: five fields, or six with seconds in front; undefined for one with `everyMs`. */
  readonly cron: string | undefined;
  /** The time from one job to the next, in milliseconds; undefined for one with an expression. */
  readonly everyMs: number | undefined;
  /** IANA name of the time zone of the expression. */
  readonly timeZone: string;
  /** The pattern of its jobs. */
  readonly pattern: string;
  /** The data of its jobs. */
  readonly data: unknown;
  /** The time of its next job, by the clock of Redis; undefined when there is no further one. */
  readonly nextAt: Date | undefined;
  /** The times of its next ticks, the first of which is `nextAt`: as many as were asked for, fewer where it ends before. */
  readonly ticks: readonly Date[];
  /** How many jobs it has added since it was set so. */
  readonly added: number;
}

/** What is told of repeating jobs. @publicApi */
export interface ScheduleListOptions {
  /** How many of the next ticks of each, 100 at most. @defaultValue 1 */
  readonly ticks?: number;
}

/** So many ticks of a repeating job are told at most. */
export const MAX_TICKS = 100;

/** When a repeating job has its ticks. Instants are Unix times in milliseconds. */
export interface TickRule {
  /** Undefined where it has `everyMs`. */
  readonly cron?: string | undefined;
  readonly everyMs?: number | undefined;
  readonly timeZone: string;
  readonly startAt?: number | undefined;
  readonly endAt?: number | undefined;
}

/** A repeating job as it is stored. */
export interface StoredSchedule extends JobSettings, TickRule {
  readonly pattern: string;
  readonly data?: unknown;
  readonly count?: number | undefined;
  readonly atOnce?: boolean | undefined;
  readonly overlap?: 'skip' | 'queue' | undefined;
  readonly priority?: JobPriority | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
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
export function nextTick(rule: TickRule, after: number): number | undefined {
  const { endAt = Infinity } = rule;
  const tick =
    rule.everyMs === undefined ? nextOfCron(rule, after) : nextOfInterval(rule, rule.everyMs, after);
  return tick !== undefined && tick <= endAt ? tick : undefined;
}

/** The ticks from one on, which is the first of them; those alone that can be told where the rule is wrong. */
export function ticksFrom(rule: TickRule, first: number, most: number): number[] {
  const ticks: number[] = [];
  try {
    for (let tick: number | undefined = first; tick !== undefined && ticks.length < most;) {
      ticks.push(tick);
      if (ticks.length < most) tick = nextTick(rule, tick);
    }
  } catch {
    // Written by somebody else; the worker that meets it says so.
  }
  return ticks;
}

function nextOfInterval({ startAt = 0 }: TickRule, everyMs: number, after: number): number {
  if (after < startAt) return startAt;
  return startAt + (Math.floor((after - startAt) / everyMs) + 1) * everyMs;
}

function nextOfCron({ cron = '', timeZone, startAt = 0 }: TickRule, after: number): number | undefined {
  try {
    return new Cron(cron, { timezone: timeZone }).nextRun(new Date(Math.max(after, startAt - 1)))?.getTime();
  } catch (cause) {
    throw new HydraError('BAD_OPTION', `cron "${cron}" in timeZone "${timeZone}": ${String(cause)}`, {
      cause,
    });
  }
}

export function noTick({ cron, timeZone }: TickRule): HydraError {
  return new HydraError('BAD_OPTION', `cron "${cron}" in timeZone "${timeZone}" has no further tick`);
}

/** @throws HydraError `BAD_PAYLOAD` for data that is not JSON */
export function writeSchedule(schedule: StoredSchedule): string {
  const { data, hasBytes } = toPayload(schedule.data, `the data of "${schedule.pattern}"`);
  return JSON.stringify(hasBytes ? { ...schedule, data, bytes: 1 } : schedule);
}

export function readSchedule(text: string): StoredSchedule | undefined {
  const stored = parseObject(text);
  if (!isJsonObject(stored) || typeof stored['pattern'] !== 'string') return undefined;
  if (typeof stored['cron'] !== 'string' && typeof stored['everyMs'] !== 'number') return undefined;
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
  { pattern, data, attempts, backoff, timeoutMs, headers }: StoredSchedule,
  tick: number,
  service: string,
  maxBytes: number,
): string {
  const job = { service, from: `${service}:/`, pattern, data, attempts, backoff, timeoutMs, headers };
  return writeJob(job, { mid: idOfTick(name, tick), timestamp: new Date(tick).toISOString() }, maxBytes);
}

export function idOfTick(name: string, tick: number): string {
  return `${name}:${tick}`;
}
