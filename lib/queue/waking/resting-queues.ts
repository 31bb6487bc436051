import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { isUnavailable } from '../watching/job-waiters.js';

/** How often it is looked whether somebody has to wake. */
const LOOK_MS = 500;
/** How long a worker that rests counts as alive, and how often it says so. */
const LIFE_MS = 30_000;
const BEAT_MS = 10_000;

/** A worker that may rest: it has nothing to do, and is woken when that changes. */
export interface RestingWorker {
  readonly isResting: boolean;
  /** Where one of these is, it has to look. */
  readonly restKeys: readonly string[];
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
 * or a worker that may have died with jobs. Whoever adds a job wakes a worker by a message; this is for what that missed.
 */
export class RestingQueues {
  private readonly beaten = new WeakMap<RestingWorker, { readonly since: number; readonly at: number }>();
  private timer: Timer | undefined;
  private isLooking = false;

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
      const woken = await this.withWork(resting);
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

  private async withWork(resting: readonly RestingWorker[]): Promise<ReadonlySet<RestingWorker>> {
    const { redis } = this.context;
    const keys = resting.flatMap(({ restKeys }) => restKeys);
    if ((await redis.run('look at queues', (client) => client.exists(...keys))) === 0) return new Set();
    const counts = await redis.run('look at queues', (client) =>
      Promise.all(resting.map(({ restKeys }) => client.exists(...restKeys))),
    );
    return new Set(resting.filter((_, index) => counts[index]! > 0));
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
