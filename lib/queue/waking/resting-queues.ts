import type { Context } from '../../redis/context.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import type { Timer } from '../../runtime/clock.js';
import { isUnavailable } from '../watching/job-waiters.js';

/** How often it is looked whether somebody has to wake. */
const LOOK_MS = 500;
/** A job that is due, or a tick, is looked for in each so many looks, */
const LOOKS_PER_DUE = 2;
/** and has been due for so long: until then it is for the worker whose timer waits for it. */
const OVERDUE_MS = 250;
/** How long a worker that rests counts as alive, and how often it says so. */
const LIFE_MS = 30_000;
const BEAT_MS = 10_000;

/** A worker that may rest: it has nothing to do, and is woken when that changes. */
export interface RestingWorker {
  readonly isResting: boolean;
  /** Where one of these is, it has to look. */
  readonly restKeys: readonly string[];
  /** Where one of these, sorted sets, holds what fell due before `now`, too. */
  readonly dueKeys: readonly string[];
  /** What was due until then, Unix ms by the clock of Redis, it has seen, and has a timer where that may not start yet. */
  readonly exchangedAt: number;
  /** Is told the clock of Redis, which may have been set meanwhile; returns what it is now. */
  heardTime(redisMs: number, askedAt: number): number;
  /** Its queue was looked at: nothing is there. */
  rested(): void;
  /** Since when it rests, by `clock.monotonic()`. */
  readonly restingSince: number;
  /** Says that it lives for so long. */
  beat(lifeMs: number): Promise<void>;
  /** There is something to do, or somebody to look after. */
  awake(): void;
}

/**
 * Looks after the queues of a process whose workers rest: one command for all of them asks whether there is something to do,
 * or a worker that may have died with jobs, and another whether anything is delayed at all. Whoever adds a job wakes a worker by a
 * message, and a worker has a timer for what falls due next; this is for what these missed.
 */
export class RestingQueues {
  private readonly beaten = new WeakMap<RestingWorker, { readonly since: number; readonly at: number }>();
  private timer: Timer | undefined;
  private isLooking = false;
  private looks = 0;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock' | 'random' | 'log'>,
    private readonly workers: readonly RestingWorker[],
  ) {}

  open(): void {
    const { clock, random } = this.context;
    // Many processes must not look in the same instant.
    const everyMs = LOOK_MS * (0.9 + random.float() / 5);
    this.timer = clock.setInterval(() => void this.look(), everyMs);
  }

  close(): void {
    this.context.clock.clear(this.timer);
  }

  /** Never rejects: a worker that was not looked at for long says so in its health record. */
  private async look(): Promise<void> {
    const resting = this.workers.filter(({ isResting }) => isResting);
    if (this.isLooking || resting.length === 0) return;
    this.isLooking = true;
    try {
      const [withWork, late] = await Promise.all([this.withWork(resting), this.late(resting)]);
      const woken = new Set([...withWork, ...late]);
      for (const worker of resting) if (woken.has(worker)) worker.awake();
      const rested = resting.filter((worker) => worker.isResting && !woken.has(worker));
      for (const worker of rested) worker.rested();
      await Promise.all(rested.filter((worker) => this.isDue(worker)).map((worker) => worker.beat(LIFE_MS)));
    } catch (error) {
      if (!isUnavailable(error))
        this.context.log.warn('look at queues', `looking at queues: ${String(error)}`);
    }
    this.isLooking = false;
  }

  private async withWork(resting: readonly RestingWorker[]): Promise<readonly RestingWorker[]> {
    if (!(await this.isAny(resting.flatMap(({ restKeys }) => restKeys)))) return [];
    return this.those(resting, ({ restKeys }) => [(client) => client.exists(...restKeys)]);
  }

  /** Those of whose jobs and ticks one should have been seen to by now: whoever had a timer for it is gone. */
  private async late(resting: readonly RestingWorker[]): Promise<readonly RestingWorker[]> {
    if (this.looks++ % LOOKS_PER_DUE > 0) return [];
    const askedAt = this.context.clock.monotonic();
    const redisMs = await this.time();
    const until = new Map(resting.map((worker) => [worker, worker.heardTime(redisMs, askedAt) - OVERDUE_MS]));
    if (!(await this.isAny(resting.flatMap(({ dueKeys }) => dueKeys)))) return [];
    return this.those(resting, (worker) =>
      worker.dueKeys.map(
        (key) => (client: RedisClient) => client.zcount(key, `(${worker.exchangedAt}`, until.get(worker)!),
      ),
    );
  }

  /** The clock of Redis, Unix time in milliseconds. */
  private async time(): Promise<number> {
    const [seconds, micros] = await this.context.redis.run('look at queues', (client) => client.time());
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  private async isAny(keys: readonly string[]): Promise<boolean> {
    return (await this.context.redis.run('look at queues', (client) => client.exists(...keys))) > 0;
  }

  /** Those of whose counts one is not zero. */
  private async those(
    resting: readonly RestingWorker[],
    countsOf: (worker: RestingWorker) => readonly ((client: RedisClient) => Promise<number>)[],
  ): Promise<readonly RestingWorker[]> {
    const counts = await this.context.redis.run('look at queues', (client) =>
      Promise.all(resting.map((worker) => Promise.all(countsOf(worker).map((count) => count(client))))),
    );
    return resting.filter((_, index) => counts[index]!.some((count) => count > 0));
  }

  /** Also at the beginning of each rest: until then its life was short. */
  private isDue(worker: RestingWorker): boolean {
    const { restingSince: since } = worker;
    const now = this.context.clock.monotonic();
    const last = this.beaten.get(worker);
    if (last?.since === since && now - last.at < BEAT_MS) return false;
    this.beaten.set(worker, { since, at: now });
    return true;
  }
}
