import type { Observable } from 'rxjs';

import { HydraError } from '../../hydra-error.js';
import { ignorable, IgnorablePromises } from '../../runtime/ignorable.js';
import { badOption, integer, nonEmptyString, refuseUnknown, type OptionNames } from '../../hydra-options.js';
import type { CancelledJobs, CancelOutcome } from './cancellation.js';
import type { DeadJob } from '../model/dead-letter.js';
import { JobAdder, type AddOptions, type PreparedJob } from './job-adder.js';
import type { JobEvent } from '../model/job-event.js';
import { readLogLines, type JobLogLine } from '../model/job-log.js';
import { readFailures, type FailureOptions, type Failures } from '../failures/failures.js';
import {
  routeOf,
  type BulkOptions,
  type DeadJobFilter,
  type FindOptions,
  type FoundJobs,
  type JobFilter,
} from './job-filter.js';
import { checkState, type StoredJobText } from './job-inspector.js';
import {
  publicDead,
  type JobCounts,
  type JobRates,
  type JobStateName,
  type JobView,
  type Page,
} from './job-view.js';
import { OpenQueues, type OpenQueue, type QueueContext } from './open-queues.js';
import { resolveDurable, type DurableEvents, type DurableJobEvent } from '../watching/event-options.js';
import {
  ADD_NAMES,
  CANCEL_NAMES,
  CANCEL_WHERE_NAMES,
  CLEAN_NAMES,
  DRAIN_NAMES,
  EVENTS_NAMES,
  DEAD_FILTER_NAMES,
  FAILURE_NAMES,
  FIND_NAMES,
  LIST_NAMES,
  OBLITERATE_NAMES,
  PAGE_NAMES,
  REDRIVE_NAMES,
  REF_NAMES,
  REPEAT_NAMES,
  RESULT_NAMES,
  SCHEDULES_NAMES,
} from './queue-option-names.js';
import { DEFAULT_QUEUE } from '../model/queue-keys.js';
import {
  MAX_TICKS,
  type RepeatEvery,
  type RepeatOptions,
  type Schedule,
  type ScheduleListOptions,
} from '../model/schedule.js';
import { limitPattern } from '../scripts/producer-scripts.js';
import type { CleanedJobs, CleanOptions, DrainQueueOptions, ObliterateOptions } from './purge.js';
import {
  allAdded,
  storedWithin,
  type AddedJob,
  type QueuedJob,
  type ResultOptions,
  StoredJob,
} from './stored-job.js';

/**
 * Selects a queue.
 *
 * @publicApi
 */
export interface QueueRef {
  /** The service that the queue belongs to. @defaultValue this process's own service */
  readonly service?: string;
  /** The name of the queue. @defaultValue 'default' */
  readonly queue?: string;
}

/** Options of a cancellation. @publicApi */
export interface CancelOptions {
  /** Why: up to a thousand characters, for `result`, `get`, events and the handler's `signal`. @defaultValue 'cancelled' */
  readonly reason?: string;
}

/** Which jobs to cancel. @publicApi */
export interface CancelWhere extends CancelOptions {
  /** The pattern of the jobs. */
  readonly pattern: string | number | object;
  /** How many at most. @defaultValue 1000 */
  readonly limit?: number;
  /** True: only returns which jobs they are. @defaultValue false */
  readonly dryRun?: boolean;
}

/** One of many jobs to add. @publicApi */
export interface BulkJob extends AddOptions {
  /** The pattern of the job. */
  readonly pattern: string | number | object;
  /** The data of the job: JSON data, which may hold Buffers. */
  readonly data: unknown;
}

const MAX_REASON = 1_000;
/** A day: what is longer is a pause. */
const MAX_LIMIT_MS = 86_400_000;

/**
 * Adds jobs to the queues of this and other services, and inspects and administers them. It also works in a process
 * without handlers.
 *
 * Everything rejects with HydraError `REDIS_UNAVAILABLE` when Redis cannot be reached; an `add` that was under way when the
 * connection broke may have been stored.
 *
 * A rejected promise that is not awaited does not end the process. A job that could not be added is logged, at a
 * bounded rate.
 *
 * @publicApi
 */
@IgnorablePromises
export class QueueService {
  private readonly queues: OpenQueues;
  private readonly adder: JobAdder;

  /** @internal */
  constructor(private readonly context: QueueContext) {
    this.queues = new OpenQueues(context);
    this.adder = new JobAdder(context);
    context.health.contribute('unread queues', () => ({ warning: this.queues.unread }));
  }

  /**
   * Adds a job: `await queue.add('invoice.pdf', { number: 7 })`, or with its result
   * `await queue.add('invoice.pdf', { number: 7 }).result({ timeoutMs: 5_000 })`.
   *
   * Resolves once Redis has stored it. A second job with the same `id` is not added while the first one exists, and
   * for `dedupMs` after it has ended.
   *
   * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`, `BAD_OPTION`; `REDIS_UNAVAILABLE`
   */
  add<Result = unknown>(
    pattern: string | number | object,
    data: unknown,
    options: AddOptions = {},
  ): AddedJob<Result> {
    const stored = this.store<Result>(pattern, data, options);
    const resultOf = async (given: ResultOptions = {}) => {
      refuseUnknown('result', given, RESULT_NAMES);
      const { timeoutMs = this.context.options.timeoutMs } = given;
      // The time begins here, and not when Redis has stored the job.
      const startedAt = this.context.clock.monotonic();
      const job = await storedWithin(
        this.context.clock,
        stored,
        integer('timeoutMs of result', timeoutMs, 1),
      );
      return job.resultSince(startedAt, timeoutMs);
    };
    return Object.assign(stored, {
      result: (resultOptions?: ResultOptions) => ignorable(resultOf(resultOptions)),
    });
  }

  /**
   * Adds many jobs; resolves once Redis has stored all. Plain ones go in few commands, in their order; one with an `id`, a
   * `delayMs`, `lifo` or a priority other than 0 is a command of its own, and may overtake them. Throws as {@link add}; what is wrong with one
   * of them is found before any is added.
   */
  async addBulk(jobs: readonly BulkJob[]): Promise<QueuedJob[]> {
    try {
      // All are checked before any is added, so that one invalid job does not leave half of them in the queue.
      const prepared = jobs.map(({ pattern, data, ...options }) => this.prepare(pattern, data, options));
      const added = await allAdded(prepared.map(({ job }) => this.adder.add(job)));
      return prepared.map(({ queue, job }, index) => this.handle(queue, job, added[index]!));
    } catch (error) {
      throw this.notAdded(`${jobs.length} jobs`, error);
    }
  }

  /**
   * How many jobs there are in each state. A text names a service; a queue is meant by `{ queue: 'slow' }`.
   *
   * @throws HydraError `BAD_OPTION` for another service that Redis knows nothing of: its zeros would say nothing
   */
  async counts(ref?: string | QueueRef): Promise<JobCounts> {
    const { service, inspector } = this.queue('counts', ref);
    const counts = await inspector.counts();
    if (service !== this.context.options.service && isNothing(counts)) await this.mustBeKnown(service);
    return counts;
  }

  /**
   * How many jobs ended in a second over the last ten seconds. It costs Redis the same however many jobs there are.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async rates(ref?: QueueRef): Promise<JobRates> {
    return this.queue('rates', ref).inspector.rates();
  }

  /**
   * A page of the jobs in one state: those that wait in the order in which they are taken, completed ones newest first. With a
   * filter, it is a page of what {@link find} gives.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async list(state: JobStateName, page: QueueRef & Page & JobFilter = {}): Promise<JobView[]> {
    checkState(state);
    return this.queue('list', page, LIST_NAMES).inspector.list(state, page);
  }

  /**
   * The jobs in one state that pass a filter, and how many there are of each pattern. What it costs follows the number of jobs
   * that are looked at, in bounded steps: a hundred thousand, unless `lookAt` says otherwise. Each place where jobs of the
   * state are is looked through from its newest on, delayed jobs from the first that is due, dead letters from the oldest.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async find(state: JobStateName, options: QueueRef & FindOptions = {}): Promise<FoundJobs> {
    checkState(state);
    return this.queue('find', options, FIND_NAMES).inspector.find(state, options);
  }

  /**
   * A job by its id, or undefined. What it costs does not follow the length of the queue for a job that this library added; one
   * of another program, or that is not there, is searched for from place to place, in bounded steps.
   */
  async get(id: string, ref?: QueueRef): Promise<JobView | undefined> {
    return this.queue('get', ref).inspector.get(id);
  }

  /** The last lines that the handler of a job wrote with `job.log`, oldest first: a hundred at most. */
  async logs(id: string, ref?: QueueRef): Promise<JobLogLine[]> {
    const { keys } = this.queue('logs', ref);
    const key = keys.log(nonEmptyString('id', id));
    return readLogLines(await this.context.redis.run('read a log', (redis) => redis.lrange(key, 0, -1)));
  }

  /** A page of the dead letters, oldest first, with reason and history. */
  async deadLetters(page: QueueRef & Page = {}): Promise<DeadJob[]> {
    return (await this.queue('deadLetters', page, PAGE_NAMES).inspector.deadLetters(page)).map(publicDead);
  }

  /**
   * Makes jobs of dead letters again, with all their attempts. Resolves with their ids.
   *
   * @param which an id, several, `'all'`, or a filter, whose times are those of their death
   * @throws HydraError `BAD_OPTION`
   */
  async redrive(
    which: string | readonly string[] | DeadJobFilter,
    options: QueueRef & BulkOptions = {},
  ): Promise<string[]> {
    const { dead } = this.queue('redrive', options, REDRIVE_NAMES).inspector;
    if (which === 'all') return dead.run({}, options);
    if (typeof which === 'string') return dead.run([which], options);
    if (!Array.isArray(which)) refuseUnknown('redrive', which, DEAD_FILTER_NAMES);
    return dead.run(which as readonly string[] | DeadJobFilter, options);
  }

  /**
   * Why jobs became dead letters: the newest ten thousand, unless `lookAt` says otherwise, grouped by what their reasons have in
   * common. It reads them in bounded steps.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async failures(options: QueueRef & FailureOptions = {}): Promise<Failures> {
    const { keys, inspector } = this.queue('failures', options, FAILURE_NAMES);
    return readFailures({ redis: this.context.redis, keys, search: inspector.search }, options);
  }

  /** A job, or its end, as it is stored, with its failed attempts. @internal */
  async stored(id: string, ref?: QueueRef): Promise<StoredJobText | undefined> {
    return this.queue('stored', ref).inspector.stored(id);
  }

  /** What handlers of jobs last reported, as it is stored, in the order of the ids. @internal */
  async progressTexts(ids: readonly string[], ref?: QueueRef): Promise<(string | null)[]> {
    return this.queue('progressTexts', ref).inspector.progressTexts(ids);
  }

  /**
   * Removes all jobs that wait, and by option the delayed ones; those that run go on. Gives their number.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async drain(options: QueueRef & DrainQueueOptions = {}): Promise<number> {
    return this.queue('drain', options, DRAIN_NAMES).purge.drain(options);
  }

  /**
   * Removes jobs of one state that are old: outcomes of completed ones, dead letters, jobs that wait or are delayed.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async clean(state: JobStateName, options: QueueRef & CleanOptions = {}): Promise<CleanedJobs> {
    checkState(state);
    return this.queue('clean', options, CLEAN_NAMES).purge.clean(state, options);
  }

  /**
   * Removes a queue with its jobs, dead letters, outcomes, repeating jobs and its pause, in one step. Workers go on reading it. Gives
   * what there was.
   *
   * @throws HydraError `BAD_OPTION` while jobs run, unless `force` says that they are removed too
   */
  async obliterate(options: QueueRef & ObliterateOptions = {}): Promise<JobCounts> {
    const { purge, schedules } = this.queue('obliterate', options, OBLITERATE_NAMES);
    const counts = await purge.obliterate(options);
    if (!options.dryRun) schedules.forget();
    return counts;
  }

  /** Removes a waiting job, a dead letter, or the outcome of a completed job; false when there is none. */
  async remove(id: string, ref?: QueueRef): Promise<boolean> {
    return this.queue('remove', ref).inspector.remove(id);
  }

  /** A delayed job starts as soon as there is room for it, also one that waits for its next attempt; false when none of that id is delayed. */
  async promote(id: string, ref?: QueueRef): Promise<boolean> {
    return this.queue('promote', ref).changes.changeDelay(nonEmptyString('id', id), 0);
  }

  /**
   * A delayed job starts in so many milliseconds from now; false when none of that id is delayed.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async changeDelay(id: string, delayMs: number, ref?: QueueRef): Promise<boolean> {
    return this.queue('changeDelay', ref).changes.changeDelay(nonEmptyString('id', id), delayMs);
  }

  /**
   * Gives a job that waits or is delayed other data; false when there is none of that id, or it runs.
   *
   * @throws HydraError `BAD_OPTION`, `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`
   */
  async update(id: string, data: unknown, ref?: QueueRef): Promise<boolean> {
    return this.queue('update', ref).changes.update(nonEmptyString('id', id), data);
  }

  /**
   * Ends a job that waits, is delayed or runs. The handler that runs it hears of it by its `signal`, at once where a message
   * reaches its worker, else when that renews its lease; what it still returns counts no more. The job is not tried again,
   * and `result` rejects with `CANCELLED` and the reason. For a job that this library added its cost does not follow the length
   * of the queue; one of another program is searched for, in bounded steps.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async cancel(id: string, options: QueueRef & CancelOptions = {}): Promise<CancelOutcome> {
    const { cancellation } = this.queue('cancel', options, CANCEL_NAMES);
    return cancellation.cancel(nonEmptyString('id', id), reasonFor(options));
  }

  /**
   * The same of all jobs of a pattern, up to `limit`: the same again continues where there are more.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async cancelWhere(where: QueueRef & CancelWhere): Promise<CancelledJobs> {
    const { cancellation } = this.queue('cancelWhere', where, CANCEL_WHERE_NAMES);
    const { pattern, limit = 1_000, dryRun: isDry = false } = where;
    nonEmptyString('pattern of cancelWhere', routeOf(pattern));
    integer('limit of cancelWhere', limit, 1);
    return cancellation.cancelAll(routeOf(pattern), reasonFor(where), { limit, isDry });
  }

  /**
   * Puts a job that a dead Hydra 1.x worker held back to the front of the line; false when no such worker has it. Whether
   * the worker is dead, Redis does not know: while it lives, the job runs twice. Jobs of this library's workers come back by
   * themselves.
   */
  async release(id: string, ref?: QueueRef): Promise<boolean> {
    return this.queue('release', ref).inspector.giveBack(id);
  }

  /**
   * Lets no job of a pattern start for so many milliseconds, on any instance, as after a service said "too many requests". Jobs that
   * run are not concerned; those of other patterns are not held up. Asked for again meanwhile, the later end counts; 0 ends it. Gives the instant of
   * its end, by the clock of Redis; undefined for 0.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async limit(pattern: string | number | object, ms: number, ref?: QueueRef): Promise<Date | undefined> {
    const { keys } = this.queue('limit', ref);
    const name = nonEmptyString('pattern of limit', routeOf(pattern));
    integer('ms of limit', ms, 0, MAX_LIMIT_MS);
    const ends = await this.context.redis.run('limit a pattern', (redis) =>
      limitPattern.run(redis, [keys.limited, name, ms, keys.wake]),
    );
    return ends > 0 ? new Date(ends) : undefined;
  }

  /** No worker of the service takes a job from now on; those that run go on. */
  async pause(ref?: QueueRef): Promise<void> {
    const { keys } = this.queue('pause', ref);
    await this.context.redis.run('pause', (redis) => redis.set(keys.paused, '1'));
  }

  /** Workers of the service take jobs of this queue again. */
  async resume(ref?: QueueRef): Promise<void> {
    const { keys } = this.queue('resume', ref);
    await this.context.redis.run('resume', (redis) =>
      Promise.all([redis.del(keys.paused), redis.publish(keys.wake, 'resume')]),
    );
  }

  /**
   * One job: as it is when its subscriber comes, then after each change, until it ends: completed, given up, cancelled or
   * removed. It completes without a value where there is no such job. Changes come by pub/sub; after a lost connection the job is looked for
   * again. To look for it costs what `get` costs.
   */
  watch(id: string, ref?: QueueRef): Observable<JobView> {
    const { watch, inspector } = this.queue('watch', ref);
    nonEmptyString('id', id);
    return watch.job$(id, {
      find: () => inspector.get(id),
      end: () => inspector.ended(id),
      kept: () => inspector.kept(id),
    });
  }

  /**
   * What happens to the jobs of a queue from the subscription on: starts, progress, failures, losses, completions, dead
   * letters. It comes by pub/sub: what happens while the connection is lost is not seen.
   *
   * With `durable`, events are kept in Redis, bounded: after a lost connection, or with `since` after a restart of this process, what
   * was missed is told, each event once and in order; a `gap` says that some are missing. While they are kept, each change of a
   * job writes one.
   *
   * @throws HydraError `BAD_OPTION`
   */
  events(ref?: QueueRef): Observable<JobEvent>;
  events(options: QueueRef & DurableEvents): Observable<DurableJobEvent>;
  events(given: QueueRef & Partial<DurableEvents> = {}): Observable<JobEvent | DurableJobEvent> {
    const { watch } = this.queue('events', given, EVENTS_NAMES);
    const { durable, since } = given;
    if (durable !== undefined)
      return watch.durable$(resolveDurable({ durable, ...(since !== undefined && { since }) }));
    if (since !== undefined) throw badOption('since', since, 'given with durable');
    return watch.events$();
  }

  /**
   * Adds a job at every tick of a cron expression, or every so many milliseconds (`{ everyMs: 30_000 }`), once however many
   * instances there are, and while a worker of the service runs. Setting the same again changes nothing: let every instance do it
   * when it starts. Where `endAt` has passed, it ends what there is of that name.
   *
   * @throws HydraError `BAD_OPTION`, also for an expression that has no further tick; `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`
   */
  async repeat(
    name: string,
    when: string | RepeatEvery,
    pattern: string | number | object,
    data: unknown,
    options: RepeatOptions = {},
  ): Promise<void> {
    refuseUnknown('repeat', options, REPEAT_NAMES);
    const { queue, ...settings } = options;
    const { schedules } = this.queue('repeat', queue === undefined ? {} : { queue });
    await schedules.set(name, when, { pattern: routeOf(pattern), data }, settings);
  }

  /**
   * Lists the repeating jobs of a queue, each with its next ticks.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async schedules(options: QueueRef & ScheduleListOptions = {}): Promise<Schedule[]> {
    const { schedules } = this.queue('schedules', options, SCHEDULES_NAMES);
    return schedules.list(integer('ticks', options.ticks ?? 1, 0, MAX_TICKS));
  }

  /** Ends a repeating job; jobs it has added stay. False when there is none of that name. */
  async stopRepeating(name: string, ref?: QueueRef): Promise<boolean> {
    return this.queue('stopRepeating', ref).schedules.end(name);
  }

  /**
   * Adds a plain job of another service by the connection that is there, without waiting for one; gives its id.
   *
   * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`; `REDIS_UNAVAILABLE`, `FORBIDDEN`
   * @internal
   */
  async addNow(
    service: string,
    pattern: string,
    data: unknown,
    headers: Readonly<Record<string, string>> | undefined,
  ): Promise<string> {
    const { job } = this.prepare(pattern, data, { service, ...(headers && { headers }) });
    await this.adder.addNow(job, service);
    return job.id;
  }

  /** @internal */
  close(): void {
    this.queues.close();
  }

  private async store<Result>(
    pattern: string | number | object,
    data: unknown,
    options: AddOptions,
  ): Promise<StoredJob<Result>> {
    try {
      const { queue, job } = this.prepare(pattern, data, options);
      return this.handle(queue, job, await this.adder.add(job));
    } catch (error) {
      throw this.notAdded(pattern, error);
    }
  }

  /** Nobody may be waiting for the promise that tells it. */
  private notAdded(pattern: unknown, error: unknown): unknown {
    this.context.log.warn(
      'add to a queue',
      `not added to a queue: ${JSON.stringify(pattern)}: ${String(error)}`,
    );
    return error;
  }

  private prepare(pattern: string | number | object, data: unknown, options: AddOptions) {
    const queue = this.queue('add', options, ADD_NAMES);
    queue.unread.expectReader();
    return { queue, job: this.adder.prepare(queue.keys, queue.service, routeOf(pattern), data, options) };
  }

  private handle<Result>(
    { watch }: OpenQueue,
    { id, pattern, addedOn, options }: PreparedJob,
    isNew: boolean,
  ): StoredJob<Result> {
    const isLast = !isNew && options.duplicate !== undefined && options.duplicate !== 'keep-first';
    const awaited = { id, pattern, addedOn: isNew ? addedOn : undefined, isLast };
    const resultSince = (startedAt: number, timeoutMs: number) =>
      watch.result(awaited, timeoutMs, startedAt) as Promise<Result>;
    const resultOf = async (given: ResultOptions) => {
      refuseUnknown('result', given, RESULT_NAMES);
      const { timeoutMs = this.context.options.timeoutMs } = given;
      return resultSince(this.context.clock.monotonic(), integer('timeoutMs of result', timeoutMs, 1));
    };
    return new StoredJob(id, isNew, (given = {}) => ignorable(resultOf(given)), resultSince);
  }

  private queue(method: string, ref: string | QueueRef = {}, names: OptionNames = REF_NAMES): OpenQueue {
    if (typeof ref !== 'string') refuseUnknown(method, ref, names);
    // Whoever is first to use a queue need not wait for the application to have started.
    if (!this.context.redis.isReady) this.context.redis.connect().catch(() => undefined);
    const { service = this.context.options.service, queue = DEFAULT_QUEUE } =
      typeof ref === 'string' ? { service: ref } : ref;
    return this.queues.of(service, queue);
  }

  private async mustBeKnown(service: string): Promise<void> {
    const found = await this.context.redis.run('look for a service', (redis) =>
      Promise.all([
        redis.exists(this.context.keys.service(service)),
        redis.exists(this.context.keys.instances(service)),
      ]),
    );
    if (found.some((count) => count > 0)) return;
    const meant = `a queue is meant by { queue: "${service}" }, and a pattern has no counts of its own`;
    throw new HydraError('BAD_OPTION', `"${service}" is no service that Redis knows of: ${meant}`);
  }
}

function isNothing({
  isPaused,
  unhandled: _among,
  workers: _readers,
  oldestWaitingAt: _at,
  ...counts
}: JobCounts): boolean {
  return !isPaused && Object.values(counts).every((count) => count === 0);
}

/** @throws HydraError `BAD_OPTION` */
function reasonFor({ reason = 'cancelled' }: CancelOptions): string {
  if (nonEmptyString('reason', reason).length <= MAX_REASON) return reason;
  throw new HydraError(
    'BAD_OPTION',
    `reason must have at most ${MAX_REASON} characters, got ${reason.length}`,
  );
}
