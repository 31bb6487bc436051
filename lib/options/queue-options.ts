import { badOption, nonEmptyString, numberOptions, integer, type Group } from './checks.js';
import type { NamesOf } from './names.js';

/**
 * How long a failed job waits for its next attempt. `exponential` doubles `delayMs` with each attempt and draws the wait
 * from the upper half, so that jobs that failed together do not come back together.
 *
 * @publicApi
 */
export interface BackoffRule {
  /** Whether each wait is as long as the first, or twice as long as the one before. */
  readonly type: 'fixed' | 'exponential';
  /** The wait, or the first one, in milliseconds. */
  readonly delayMs: number;
  /** Longest wait of an exponential backoff, in milliseconds. @defaultValue 60000 */
  readonly maxMs?: number;
  /** False: exactly the doubled wait. @defaultValue true */
  readonly jitter?: boolean;
}

/**
 * Milliseconds, a rule, or a function of the attempt that failed (from 1) and its error's text.
 *
 * @publicApi
 */
export type Backoff = number | BackoffRule | ((attempt: number, error: string) => number);

/**
 * How the jobs of one pattern are handled.
 *
 * @publicApi
 */
export interface JobOptions {
  /** Jobs of the pattern that run at once in this process. @defaultValue 10 */
  readonly concurrency?: number;
  /** Times a job is tried before it becomes a dead letter. @defaultValue 3 */
  readonly attempts?: number;
  /**
   * How long to wait before a further attempt.
   *
   * @defaultValue { type: 'exponential', delayMs: 1000, maxMs: 60000 }
   */
  readonly backoff?: Backoff;
  /** Longest run of one attempt, in milliseconds; 0 means no limit. @defaultValue 0 */
  readonly timeoutMs?: number;
  /** Jobs of the pattern that start within a time, over all instances. @defaultValue none */
  readonly rateLimit?: { readonly max: number; readonly perMs: number };
  /** The queue they are read from, beside the service's default one. @defaultValue 'default' */
  readonly queue?: string;
}

/** What is kept of finished jobs: until one limit is passed. @publicApi */
export interface RetentionOptions {
  /** Number kept, 1 or more; of completed jobs 0 is allowed too, and keeps none. */
  readonly count?: number;
  /** Age, in milliseconds. */
  readonly ageMs?: number;
}

/** What is kept of completed jobs. @publicApi */
export interface CompletedOptions extends RetentionOptions {
  /** True: the data of the job too, for as long as its outcome. @defaultValue false */
  readonly data?: boolean;
}

/**
 * Defaults and limits of jobs.
 *
 * @publicApi
 */
export interface QueueOptions extends Omit<JobOptions, 'queue' | 'rateLimit'> {
  /** By pattern; they go before what the decorator says. @defaultValue {} */
  readonly patterns?: Readonly<Record<string, JobOptions>>;
  /** Outcomes of completed jobs. @defaultValue { count: 1000, ageMs: 3600000 } */
  readonly completed?: CompletedOptions;
  /** Dead letters. @defaultValue { count: 10000, ageMs: 1209600000 }: fourteen days */
  readonly dead?: RetentionOptions;
  /** How long an `id` given to `add` stays taken when its job has ended, in milliseconds. @defaultValue 3600000 */
  readonly dedupMs?: number;
  /**
   * How long a job may wait for a worker with a handler for its pattern before it is a dead letter, in milliseconds.
   * @defaultValue 604800000: seven days
   */
  readonly noHandlerMs?: number;
  /**
   * How long a worker without a heartbeat keeps its jobs while its connection to Redis stands, in milliseconds: its
   * event loop is blocked then, or its process frozen. 0: no longer than one whose connection is gone. @defaultValue 30000
   */
  readonly blockedMs?: number;
}

export const BACKOFF_NAMES = {
  type: true,
  delayMs: true,
  maxMs: true,
  jitter: true,
} satisfies NamesOf<BackoffRule>;

export const JOB_NAMES = {
  concurrency: true,
  attempts: true,
  backoff: BACKOFF_NAMES,
  timeoutMs: true,
  rateLimit: { max: true, perMs: true },
  queue: true,
} satisfies NamesOf<JobOptions>;

const RETENTION_NAMES = { count: true, ageMs: true } satisfies NamesOf<RetentionOptions>;

export const QUEUE_NAMES = {
  concurrency: true,
  attempts: true,
  backoff: BACKOFF_NAMES,
  timeoutMs: true,
  patterns: { '*': JOB_NAMES },
  completed: { ...RETENTION_NAMES, data: true } satisfies NamesOf<CompletedOptions>,
  dead: RETENTION_NAMES,
  dedupMs: true,
  noHandlerMs: true,
  blockedMs: true,
} satisfies NamesOf<QueueOptions>;

/** {@link JobOptions} without gaps. */
export interface ResolvedJobOptions {
  readonly concurrency: number;
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly timeoutMs: number;
  readonly rateLimit: { readonly max: number; readonly perMs: number } | undefined;
  readonly queue: string;
}

export interface ResolvedQueueOptions {
  readonly jobs: ResolvedJobOptions;
  readonly patterns: Readonly<Record<string, JobOptions>>;
  readonly completed: Group<CompletedOptions>;
  readonly dead: Group<RetentionOptions>;
  readonly dedupMs: number;
  readonly noHandlerMs: number;
  readonly blockedMs: number;
}

export function queue(given: QueueOptions): ResolvedQueueOptions {
  const { patterns = {}, completed, dead, ...rest } = given;
  const { dedupMs = 3_600_000, noHandlerMs = 604_800_000, blockedMs = 30_000, ...jobs } = rest;
  const defaults: ResolvedJobOptions = {
    concurrency: 10,
    attempts: 3,
    backoff: { type: 'exponential', delayMs: 1_000, maxMs: 60_000 },
    timeoutMs: 0,
    rateLimit: undefined,
    queue: 'default',
  };
  const resolved = resolveJobOptions('queue', defaults, jobs);
  for (const [pattern, options] of Object.entries(patterns)) {
    resolveJobOptions(`queue.patterns["${pattern}"]`, resolved, options);
  }
  return Object.freeze({
    jobs: resolved,
    patterns,
    completed: completedOptions(completed),
    dead: numberOptions('queue.dead', { count: 10_000, ageMs: 1_209_600_000 }, dead),
    dedupMs: integer('queue.dedupMs', dedupMs, 1),
    noHandlerMs: integer('queue.noHandlerMs', noHandlerMs, 0),
    blockedMs: integer('queue.blockedMs', blockedMs, 0),
  });
}

function completedOptions({ data = false, ...kept }: CompletedOptions = {}): Group<CompletedOptions> {
  if (typeof data !== 'boolean') throw badOption('queue.completed.data', data, 'true or false');
  const numbers = numberOptions('queue.completed', { count: 1_000, ageMs: 3_600_000 }, kept, ['count']);
  return Object.freeze({ ...numbers, data });
}

/**
 * Lays options over others and checks them.
 *
 * @throws HydraError `BAD_OPTION` naming the option under `name`
 */
export function resolveJobOptions(
  name: string,
  below: ResolvedJobOptions,
  given: JobOptions,
): ResolvedJobOptions {
  const { rateLimit = below.rateLimit, queue: queueName = below.queue } = given;
  return Object.freeze({
    concurrency: integer(`${name}.concurrency`, given.concurrency ?? below.concurrency, 1),
    attempts: integer(`${name}.attempts`, given.attempts ?? below.attempts, 1),
    backoff: backoff(`${name}.backoff`, given.backoff ?? below.backoff),
    timeoutMs: integer(`${name}.timeoutMs`, given.timeoutMs ?? below.timeoutMs, 0),
    rateLimit: rateLimit && {
      max: integer(`${name}.rateLimit.max`, rateLimit.max, 1),
      perMs: integer(`${name}.rateLimit.perMs`, rateLimit.perMs, 1),
    },
    queue: checkQueueName(`${name}.queue`, queueName),
  });
}

/** Letters, digits, `_`, `-` and `.`: it becomes a part of key names. */
export function checkQueueName(option: string, value: unknown): string {
  if (typeof value === 'string' && /^[\w.-]+$/.test(value)) return value;
  throw badOption(option, value, 'letters, digits, "_", "-" and "." only');
}

/** What a producer says of one job. */
interface GivenWithJob {
  readonly id?: unknown;
  readonly dedupMs?: unknown;
  readonly delayMs?: unknown;
  readonly attempts?: unknown;
  readonly backoff?: unknown;
  readonly timeoutMs?: unknown;
}

/** A hundred years: added to any clock it is still a date. */
const LONGEST_DELAY_MS = 3_155_760_000_000;
/** Elements that a list of Redis can have. */
const LONGEST_LIST = 2 ** 32 - 1;

/**
 * Checks what `add` is given. Most jobs are given nothing: that costs a comparison each.
 *
 * @throws HydraError `BAD_OPTION`
 */
export function checkJob(pattern: string, given: GivenWithJob): void {
  if (pattern === '') throw badOption('pattern', pattern, 'a text that is not empty');
  if (given.id !== undefined) nonEmptyString('id', given.id);
  if (given.dedupMs !== undefined) integer('dedupMs', given.dedupMs, 1, LONGEST_DELAY_MS);
  if (given.delayMs !== undefined) integer('delayMs', given.delayMs, 0, LONGEST_DELAY_MS);
  if (given.attempts !== undefined) integer('attempts', given.attempts, 1);
  if (given.backoff !== undefined) storedBackoff(given.backoff);
  if (given.timeoutMs !== undefined) integer('timeoutMs', given.timeoutMs, 0);
}

/** A part of a list: where it begins, and how much of it. */
export function checkPage({
  offset = 0,
  limit = 100,
}: {
  readonly offset?: unknown;
  readonly limit?: unknown;
}) {
  return {
    offset: integer('offset', offset, 0, LONGEST_LIST),
    limit: integer('limit', limit, 0, LONGEST_LIST),
  };
}

/** It travels with the job: a function cannot. */
function storedBackoff(value: unknown): void {
  if (typeof value === 'function') {
    throw badOption('backoff', value, 'milliseconds or a rule with a job; the handler may have a function');
  }
  backoff('backoff', value);
}

function backoff(option: string, value: unknown): Backoff {
  if (typeof value === 'function') return value as Backoff;
  if (typeof value === 'number') return integer(option, value, 0);
  const rule = value as Partial<BackoffRule> | null;
  if (rule?.type === 'fixed' || rule?.type === 'exponential') {
    integer(`${option}.delayMs`, rule.delayMs, 0);
    integer(`${option}.maxMs`, rule.maxMs ?? 60_000, 0);
    return rule as BackoffRule;
  }
  throw badOption(option, value, 'milliseconds, { type: "fixed" | "exponential", delayMs }, or a function');
}
