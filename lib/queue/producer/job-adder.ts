import { writeJob } from './job-writing.js';
import { badOption, checkJob, type BackoffRule } from '../../hydra-options.js';
import { createJobId, notedDedup } from '../model/job-id.js';
import type { JobAddedDiagnostic } from '../../diagnostics/events.js';
import type { Context } from '../../redis/context.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { adding, added } from '../../diagnostics/added-job.js';
import { isoTime } from '../../runtime/iso-time.js';
import { addMany, addOne } from '../scripts/producer-scripts.js';
import { tellOf } from '../scripts/event-scripts.js';
import { writeAdded } from '../model/job-event.js';
import { placeOf, priorityOf, type JobPriority } from '../model/priority.js';
import { DEFAULT_QUEUE, isHydras, type QueueKeys } from '../model/queue-keys.js';

/**
 * Options of one job.
 *
 * @publicApi
 */
export interface AddOptions {
  /** The service whose queue it goes to. @defaultValue this process's own */
  readonly service?: string;
  /** One of the service's named queues. The handler must name the same queue. @defaultValue 'default' */
  readonly queue?: string;
  /**
   * The id of the job. While a job with this id waits, is delayed or runs, and for `dedupMs` after it has ended, a
   * second one is not added.
   * @defaultValue a new UUID, not checked
   */
  readonly id?: string;
  /**
   * What becomes of this job where one with its `id` waits, is delayed or runs. `'keep-first'`: it is not added. `'keep-last'`: it takes
   * the place of that one, with its data and headers; where that one runs, it follows when that has ended. `'extend'`: the same, and
   * a delayed one waits for `delayMs` from now. With the last two, the `id` is free as soon as its job has ended.
   * @defaultValue 'keep-first'
   */
  readonly duplicate?: 'keep-first' | 'keep-last' | 'extend';
  /** How long the `id` stays taken when the job has ended, in milliseconds. @defaultValue `queue.dedupMs` */
  readonly dedupMs?: number;
  /** How long the job is delayed, in milliseconds, by the clock of Redis. @defaultValue 0 */
  readonly delayMs?: number;
  /**
   * How soon it is taken: a whole number from -3, the last, to 3, before all others that wait; `'normal'` is 0, `'high'` is 3.
   * @defaultValue 0
   */
  readonly priority?: JobPriority;
  /** True: it is taken before those of its priority that wait already. @defaultValue false */
  readonly lifo?: boolean;
  /** How often the job is tried before it becomes a dead letter. @defaultValue the option of the handler */
  readonly attempts?: number;
  /** The wait before the next attempt: milliseconds or a rule. @defaultValue the option of the handler */
  readonly backoff?: number | BackoffRule;
  /** Longest run of one attempt, in milliseconds. @defaultValue the option of the handler */
  readonly timeoutMs?: number;
  /** Headers, which the handler reads with `context.getMetadata()`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A job that is to be added: its text, and where it goes. */
export interface PreparedJob {
  readonly id: string;
  /** The timestamp of its message. */
  readonly addedOn: string;
  readonly service: string;
  readonly pattern: string;
  readonly raw: string;
  readonly keys: QueueKeys;
  readonly options: AddOptions;
  /** Where observers listen, what they are told. */
  readonly observed: JobAddedDiagnostic | undefined;
}

/** Plain jobs of one queue that travel together. */
interface Batch {
  readonly jobs: PreparedJob[];
  /** Characters of all of them. */
  size: number;
  /** Of all of them: a promise for each would cost more than its job. */
  readonly stored: Promise<true>;
}

/** Characters of the jobs that one command adds, unless a single one has more: longer commands cost more than they save (decision 108). */
const FULL_BATCH = 16_384;
/** Patterns of one command for which workers are woken: each of them sees the rest. */
const MAX_WOKEN = 10;
/** How long it is taken for known whether somebody listens, in milliseconds, and jobs that one message tells of. */
const ASK_MS = 1_000;
const TOLD_AT_ONCE = 250;

/** Adds jobs. Plain ones that are added in the same tick travel together, in order. */
export class JobAdder {
  private readonly audiences = new Map<QueueKeys, { isThere: boolean; askedAt: number }>();
  private readonly outbox = new Map<QueueKeys, Batch>();

  constructor(
    private readonly context: Pick<
      Context,
      'id' | 'address' | 'redis' | 'options' | 'clock' | 'random' | 'metrics'
    >,
  ) {}

  /** @throws HydraError `BAD_OPTION`, `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE` */
  prepare(
    keys: QueueKeys,
    service: string,
    pattern: string,
    data: unknown,
    options: AddOptions,
  ): PreparedJob {
    checkJob(pattern, options);
    priorityOf(options.priority);
    checkDuplicate(options);
    const { address: from, clock, random, options: limits } = this.context;
    const now = clock.now();
    const id = options.id ?? createJobId(random, now);
    const { attempts, backoff, timeoutMs, queue = DEFAULT_QUEUE } = options;
    const told = { instanceId: this.context.id, service, queue, pattern, id, data };
    const observed = adding(told, options.headers);
    const headers = observed?.headers ?? options.headers;
    const job = { service, from, pattern, data, attempts, backoff, timeoutMs, headers };
    const stamp = { mid: id, timestamp: isoTime(now) };
    const raw = writeJob(job, stamp, limits.maxPayloadBytes);
    this.context.metrics?.encoded('job', raw.length);
    return { id, addedOn: stamp.timestamp, service, pattern, raw, keys, options, observed };
  }

  /**
   * Resolves once Redis has it: true, or false when its id is taken.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`
   */
  add(job: PreparedJob): Promise<boolean> {
    const { observed } = job;
    return observed ? added(observed, this.context.clock, () => this.store(job)) : this.store(job);
  }

  private store(job: PreparedJob): Promise<boolean> {
    const { id, delayMs, priority, lifo } = job.options;
    const isPlain = id === undefined && !delayMs && !lifo && priorityOf(priority) === 0;
    return isPlain ? this.post(job) : this.counted([job], this.context.clock.monotonic(), this.addAlone(job));
  }

  /** Counts how adding these jobs ends, and how long it takes. */
  private counted<T>(jobs: readonly PreparedJob[], startedAt: number, adds: Promise<T>): Promise<T> {
    return adds.then(
      (result) => {
        this.count(jobs, startedAt);
        return result;
      },
      (error: unknown) => {
        this.count(jobs, startedAt, error);
        throw error;
      },
    );
  }

  private count(jobs: readonly PreparedJob[], startedAt: number, error?: unknown): void {
    const { metrics, clock } = this.context;
    if (!metrics) return;
    const tookMs = clock.monotonic() - startedAt;
    for (const { service, pattern } of jobs) metrics.jobsAdded.of(service, pattern).ended(tookMs, error);
  }

  /**
   * Adds a plain job by the connection that is there. Does not wait for a Redis that is away: its caller has a deadline.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`, whose `mayHaveRun` says whether it may have been stored; `FORBIDDEN`
   */
  async addNow(job: PreparedJob, service: string): Promise<void> {
    const { redis, clock } = this.context;
    try {
      const add = () => this.counted([job], clock.monotonic(), append(redis.commands, job.keys, [job]));
      await added(job.observed, clock, add);
      this.tell(job.keys, [job]);
    } catch (cause) {
      throw redis.failure(`"${job.pattern}" into the queue of "${service}"`, cause);
    }
  }

  private async addAlone({ id: jobId, addedOn, pattern, raw, keys, options }: PreparedJob): Promise<boolean> {
    const {
      id = '',
      delayMs = 0,
      priority,
      lifo,
      duplicate,
      dedupMs = this.context.options.queue.dedupMs,
    } = options;
    const { high, delayed, ids, results, finished, died, idle, ranked, patterns, hints, latest } = keys;
    const { watched, history, events } = keys;
    const { list, rank } = placeOf(keys, pattern, priorityOf(priority));
    const names = [list, high, delayed, ids, results, finished, died, idle, ranked, patterns, hints, latest];
    const heard = [watched, history];
    const given = [raw, rank, delayMs, id, notedDedup(dedupMs), keys.wakeOf(''), pattern, lifo ? '1' : ''];
    const args = [
      ...names,
      ...heard,
      ...given,
      Date.parse(addedOn),
      jobId,
      isHydras(keys) ? '' : '1',
      modeOf(duplicate),
      JSON.stringify(jobId),
      events,
    ];
    return (await this.context.redis.run('add a job', (redis) => addOne.run(redis, args))) === 1;
  }

  /** To those who listen. Once in a second it is told whether or not: the answer says if somebody does, and is not waited for. */
  private tell(keys: QueueKeys, jobs: readonly { readonly id: string; readonly pattern: string }[]): void {
    const now = this.context.clock.monotonic();
    const known = this.audiences.get(keys) ?? { isThere: true, askedAt: -Infinity };
    this.audiences.set(keys, known);
    const isDue = now - known.askedAt > ASK_MS;
    if (isDue) known.askedAt = now;
    if (!isDue && !known.isThere) return;
    for (let start = 0; start < jobs.length; start += TOLD_AT_ONCE) {
      this.tellSome(keys, jobs.slice(start, start + TOLD_AT_ONCE)).then(
        (isThere) => (known.isThere = isThere),
        // Not known: it is told anew.
        () => undefined,
      );
    }
  }

  private async tellSome(
    keys: QueueKeys,
    jobs: readonly { id: string; pattern: string }[],
  ): Promise<boolean> {
    const args = [keys.watched, keys.history, keys.events, ...jobs.map(writeAdded)];
    return (await this.context.redis.run('tell of jobs', (redis) => tellOf.run(redis, args))) === 1;
  }

  private post(job: PreparedJob): Promise<true> {
    const { keys, raw } = job;
    const open = this.outbox.get(keys);
    const batch = open && open.size + raw.length <= FULL_BATCH ? open : this.openBatch(keys);
    batch.jobs.push(job);
    batch.size += raw.length;
    return batch.stored;
  }

  /** It leaves after all that this tick's input causes. */
  private openBatch(keys: QueueKeys): Batch {
    const { clock } = this.context;
    const jobs: PreparedJob[] = [];
    const startedAt = clock.monotonic();
    const stored = new Promise<true>((resolve, reject) => {
      clock.setImmediate(() => {
        if (this.outbox.get(keys)?.jobs === jobs) this.outbox.delete(keys);
        this.counted(jobs, startedAt, this.push(keys, jobs)).then(resolve, reject);
      });
    });
    const batch: Batch = { jobs, size: 0, stored };
    this.outbox.set(keys, batch);
    return batch;
  }

  private async push(keys: QueueKeys, jobs: readonly PreparedJob[]): Promise<true> {
    await this.context.redis.run('add jobs', (redis) => append(redis, keys, jobs));
    this.tell(keys, jobs);
    return true;
  }
}

const MODES = { 'keep-first': '', 'keep-last': 'last', extend: 'extend' } as const;

/** What the script calls it. */
function modeOf(duplicate: keyof typeof MODES = 'keep-first'): string {
  return MODES[duplicate];
}

/** @throws HydraError `BAD_OPTION` */
function checkDuplicate({ duplicate, id }: AddOptions): void {
  if (duplicate === undefined) return;
  if (!Object.hasOwn(MODES, duplicate))
    throw badOption('duplicate', duplicate, `one of ${Object.keys(MODES).join(', ')}`);
  if (id === undefined) throw badOption('id', id, 'given with duplicate');
}

function append(
  redis: RedisClient,
  keys: QueueKeys,
  jobs: readonly { readonly raw: string; readonly pattern: string }[],
): Promise<number> {
  const { waiting, idle } = keys;
  const raws = jobs.map(({ raw }) => raw);
  if (isHydras(keys)) return redis.lpush(waiting, ...raws);
  const patterns = [...new Set(jobs.map(({ pattern }) => pattern))].slice(0, MAX_WOKEN);
  return addMany.run(redis, [waiting, idle, keys.wakeOf(''), patterns.length, ...patterns, ...raws]);
}
