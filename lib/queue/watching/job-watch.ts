import { Subject, type Observable } from 'rxjs';

import { IgnorableObservable } from '../../delivery/ignorable-observable.js';
import { HydraError } from '../../hydra-error.js';
import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { outside } from '../../runtime/async-context.js';
import { withTimeout } from '../../runtime/waiting.js';
import type { Subscription } from '../../redis/redis-connections.js';
import { readEvents, type JobEvent } from '../model/job-event.js';
import type { JobSearch } from '../producer/job-search.js';
import type { DurableJobEvent, ResolvedDurable } from './event-options.js';
import { KeptEventsReader } from './kept-events-reader.js';
import { isUnavailable, JobWaiters, type AwaitedJob } from './job-waiters.js';
import type { JobView } from '../producer/job-view.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { WatchedJob, type JobLooks } from './watched-job.js';

/** How long workers go on telling after the last listener said that it is there. */
const WATCHED_MS = 10_000;
const RENEW_MS = 3_000;
/** How often a job that is watched is looked for among those that ended: pub/sub may lose a word. */
const CHECK_MS = 2_000;
/** How long it is asked, at the end of a wait, why a job has not ended, in milliseconds. */
const WHY_MS = 500;

/** Hears what happens to the jobs of one queue, while somebody listens. */
export class JobWatch {
  private readonly events = new Subject<JobEvent>();
  private readonly waiters: JobWaiters;
  private opening: Promise<void> | undefined;
  private subscription: Subscription | undefined;
  private renewal: Timer | undefined;
  private listeners = 0;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock'>,
    private readonly keys: QueueKeys,
    search: JobSearch,
  ) {
    this.waiters = new JobWaiters(context, keys, search);
  }

  /**
   * What happens from the subscription on. It never completes, and errors only when Redis refuses it or is closed: logged
   * where the subscriber has no error handler.
   */
  events$(): Observable<JobEvent> {
    return new IgnorableObservable('the events of a queue', (subscriber) => {
      const subscription = this.events.subscribe(subscriber);
      this.enter().catch((error: unknown) => subscriber.error(error));
      return () => {
        subscription.unsubscribe();
        this.leave();
      };
    });
  }

  /**
   * The same, as they are kept: what was missed is told afterwards, or that it is missing. It errors as {@link events$} does.
   */
  durable$(options: ResolvedDurable): Observable<DurableJobEvent> {
    return new IgnorableObservable('the events of a queue', (subscriber) => {
      const { clock, redis } = this.context;
      const reader = new KeptEventsReader(redis, this.keys, options, subscriber);
      const subscription = this.events.subscribe(() => void reader.read());
      this.enter().then(
        () => reader.check(),
        (error: unknown) => subscriber.error(error),
      );
      const stopHearing = redis.onState((state) => {
        if (state === 'ready') void reader.check();
      });
      const timer = clock.setInterval(() => void reader.check(), RENEW_MS);
      return () => {
        clock.clear(timer);
        stopHearing();
        subscription.unsubscribe();
        this.leave();
      };
    });
  }

  /**
   * The job as it is, then after each change, until it has ended. It completes at once where there is none, and errors as
   * {@link events$} does.
   */
  job$(id: string, looks: JobLooks): Observable<JobView> {
    return new IgnorableObservable('the watch of a job', (subscriber) => {
      const { clock, redis } = this.context;
      const job = new WatchedJob(looks, subscriber);
      const subscription = this.events.subscribe((event) => {
        if (event.id === id) job.hear(event);
      });
      this.enter().then(
        () => job.lookAnew(),
        (error: unknown) => subscriber.error(error),
      );
      // What happened while the connection was lost was not heard, nor what happens until the channel is there again.
      const stopHearing = redis.onState((state) => {
        if (state === 'ready') void job.lookAnew();
      });
      const timer = clock.setInterval(() => void job.check(), CHECK_MS);
      return () => {
        clock.clear(timer);
        stopHearing();
        subscription.unsubscribe();
        this.leave();
      };
    });
  }

  /**
   * Resolves with the return of the job's handler.
   *
   * @throws HydraError `DEAD_LETTER` with the reason; `CANCELLED`; `REPLY_LOST`; `TIMEOUT`, also where Redis was away for all that time; `CLOSED`
   */
  async result(job: AwaitedJob, timeoutMs: number, startedAt?: number): Promise<unknown> {
    const { clock } = this.context;
    const waiter = this.waiters.add(job);
    const late = async () => waiter.fail(lateError(job.id, timeoutMs, await this.whyLate(job.pattern)));
    const now = clock.monotonic();
    const leftMs = Math.max(0, (startedAt ?? now) + timeoutMs - now);
    const timer = clock.setTimeout(() => void late(), leftMs, { ref: true });
    this.enter()
      .then(() => this.waiters.lookFor(waiter))
      .catch((error: unknown) => {
        if (!isUnavailable(error)) waiter.fail(error);
      });
    try {
      return outcomeOf(await waiter.ended);
    } finally {
      clock.clear(timer);
      this.waiters.remove(waiter);
      this.leave();
    }
  }

  /** What there is to say of a job that has not ended, beside that; '' for nothing. Never rejects, and takes no long time. */
  private async whyLate(pattern: string): Promise<string> {
    const { redis, clock } = this.context;
    if (!redis.isReady) return '; Redis cannot be reached';
    const { owners, patterns } = this.keys;
    const look = redis.run('look for workers', async (client) => {
      const [[seconds], until] = await Promise.all([client.time(), client.zscore(patterns, pattern)]);
      const now = Number(seconds) * 1_000;
      if (Number(until) >= now) return '';
      const workers = await client.zcount(owners, now, '+inf');
      return workers > 0
        ? `; no worker has a handler for "${pattern}"`
        : '; no worker of this library reads its queue';
    });
    return withTimeout(clock, look, WHY_MS, unknownReason).catch(() => '');
  }

  close(): void {
    this.listeners = 0;
    this.stop();
    this.events.complete();
  }

  private enter(): Promise<void> {
    this.listeners++;
    this.opening ??= outside(() => this.open());
    return this.opening;
  }

  /** Tries until it is there, or nobody listens any more. */
  private open(): Promise<void> {
    const subscription = this.context.redis.subscribe(this.keys.events, (text) => this.hear(text));
    this.subscription = subscription;
    const opening = this.context.redis
      .retryWhileUnavailable(async () => {
        if (this.opening !== opening) return;
        await subscription.confirmed();
        if (this.opening === opening) await this.renew();
      })
      .then(
        () => {
          if (this.opening === opening) this.keepRenewing();
        },
        (error: unknown) => {
          if (this.opening === opening) this.stop();
          throw error;
        },
      );
    return opening;
  }

  private keepRenewing(): void {
    this.renewal = this.context.clock.setInterval(() => void this.renew().catch(() => undefined), RENEW_MS);
  }

  private async renew(): Promise<void> {
    await this.context.redis.run('watch jobs', (redis) =>
      redis.set(this.keys.watched, '1', 'PX', WATCHED_MS),
    );
  }

  private leave(): void {
    if (this.listeners > 0 && --this.listeners === 0) this.stop();
  }

  private stop(): void {
    this.opening = undefined;
    this.context.clock.clear(this.renewal);
    this.subscription?.unsubscribe();
    this.subscription = undefined;
  }

  private hear(text: string): void {
    for (const event of readEvents(text)) {
      this.events.next(event);
      this.waiters.hear(event);
    }
  }
}

function outcomeOf(event: JobEvent): unknown {
  if (event.type === 'completed') return event.result;
  if (event.type === 'removed') {
    throw new HydraError('CANCELLED', `job ${event.id} was removed`);
  }
  if (event.type === 'cancelled') {
    throw new HydraError('CANCELLED', `job ${event.id} was cancelled: ${event.reason}`);
  }
  throw new HydraError('DEAD_LETTER', `job ${event.id}: ${event.type === 'dead' ? event.error : ''}`);
}

function unknownReason(): HydraError {
  return new HydraError('TIMEOUT', 'Redis did not say why');
}

function lateError(id: string, timeoutMs: number, why: string): HydraError {
  return new HydraError('TIMEOUT', `job ${id} has not completed within timeoutMs=${timeoutMs}${why}`);
}
