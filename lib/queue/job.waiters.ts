import { HydraError } from '../hydra.error.js';
import { outside } from '../redis/async.context.js';
import type { RedisConnections } from '../redis/redis.connections.js';
import { readCompleted, type JobEvent } from './job.event.js';
import type { JobSearch } from './job.search.js';
import type { QueueKeys } from './queue.keys.js';

/** Pub/sub may lose a word: what is waited for is also looked up. */
const LOOK_MS = 2_000;
/** Outcomes that one command reads at most. */
const BATCH = 1_000;

/** The job whose end is waited for. */
export interface AwaitedJob {
  readonly id: string;
  /** The timestamp of its message; undefined where another job took the id before. */
  readonly addedOn: string | undefined;
}

/** Somebody who waits for the end of one job. */
export interface Waiter extends AwaitedJob {
  readonly settle: (end: JobEvent) => void;
  readonly fail: (error: unknown) => void;
  readonly ended: Promise<JobEvent>;
}

/** Those who wait for jobs of one queue: told by events, and by looks that serve them all. */
export class JobWaiters {
  private readonly byId = new Map<string, Set<Waiter>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly search: JobSearch,
  ) {}

  /** It must be removed again, and its promise be heard until then. */
  add(job: AwaitedJob): Waiter {
    let ways!: Pick<Waiter, 'settle' | 'fail'>;
    const ended = new Promise<JobEvent>((settle, fail) => (ways = { settle, fail }));
    const waiter = { ...job, ...ways, ended };
    const others = this.byId.get(waiter.id);
    if (others) others.add(waiter);
    else this.byId.set(waiter.id, new Set([waiter]));
    this.lookLater();
    return waiter;
  }

  remove(waiter: Waiter): void {
    const others = this.byId.get(waiter.id);
    others?.delete(waiter);
    if (others?.size === 0) this.byId.delete(waiter.id);
    if (this.byId.size > 0) return;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  hear(event: JobEvent): void {
    if (event.type === 'completed' || event.type === 'dead') this.end(event);
  }

  /** Whether it is over already; later looks come by themselves. */
  async lookFor({ id, settle }: Waiter): Promise<void> {
    const text = await this.redis.run('job result', (redis) => redis.hget(this.keys.results, id));
    const end = text === null ? undefined : readCompleted(text);
    if (end) settle(end);
  }

  private lookLater(): void {
    this.timer ??= outside(() => setTimeout(() => void this.look(), LOOK_MS));
  }

  private async look(): Promise<void> {
    const waiters = [...this.byId.values()].flatMap((same) => [...same]);
    const ids = [...this.byId.keys()];
    try {
      for (let start = 0; start < ids.length; start += BATCH) {
        await this.lookAt(ids.slice(start, start + BATCH));
      }
    } catch (error) {
      // While Redis is away nothing is known; how long that may last is for each deadline to say.
      if (!isUnavailable(error)) for (const { fail } of waiters) fail(error);
    } finally {
      // Set anew by whoever came after the last one left.
      clearTimeout(this.timer);
      this.timer = undefined;
      if (this.byId.size > 0) this.lookLater();
    }
  }

  private async lookAt(ids: readonly string[]): Promise<void> {
    const texts = await this.redis.run('job results', (redis) => redis.hmget(this.keys.results, ...ids));
    for (const text of texts) {
      const end = text === null ? undefined : readCompleted(text);
      if (end) this.end(end);
    }
    const open = ids.filter((_, index) => texts[index] === null);
    const letters = await this.search.deadAmong(open);
    for (const { id, pattern, attempts, reason, addedOn } of letters.toReversed()) {
      const end: JobEvent = { type: 'dead', id, pattern, attempt: attempts, error: reason };
      // Dead letters are kept for longer than ids are: it may be an earlier job's.
      const isOther = this.hasStranger(id) && (await this.search.isOpen(id));
      for (const waiter of [...(this.byId.get(id) ?? [])]) {
        if (waiter.addedOn === undefined ? !isOther : waiter.addedOn === addedOn) waiter.settle(end);
      }
    }
  }

  /** Somebody waits for it who does not know when it was added. */
  private hasStranger(id: string): boolean {
    return [...(this.byId.get(id) ?? [])].some(({ addedOn }) => addedOn === undefined);
  }

  private end(event: JobEvent): void {
    for (const { settle } of [...(this.byId.get(event.id) ?? [])]) settle(event);
  }
}

export function isUnavailable(error: unknown): boolean {
  return error instanceof HydraError && error.code === 'REDIS_UNAVAILABLE' && error.retryable;
}
