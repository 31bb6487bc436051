import { HydraError } from '../../hydra-error.js';
import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { isEndOf, type JobEvent } from '../model/job-event.js';
import type { JobSearch } from '../producer/job-search.js';
import { KeptOutcomes, type KeptOutcome } from './kept-outcomes.js';
import type { QueueKeys } from '../model/queue-keys.js';

/** Pub/sub may lose a word: what is waited for is also looked up. */
const LOOK_MS = 2_000;
/** Outcomes that one command reads at most; and those of which it is known that they are large. */
const BATCH = 1_000;
const LARGE_BATCH = 16;
/** A search takes Redis time that follows the length of the queue: this many times as long, it is left in peace. */
const PEACE = 50;
/** A job on its way from one list to the next may be missed by one search. */
const MISSES = 2;

/** The job whose end is waited for. */
export interface AwaitedJob {
  readonly id: string;
  readonly pattern: string;
  /** The timestamp of its message; undefined where another job took the id before. */
  readonly addedOn: string | undefined;
  /** It takes the place of the job that had the id, or follows it: the last one of this id is meant. */
  readonly isLast: boolean;
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
  /** How many searches in a row did not find a job that somebody waits for. */
  private readonly misses = new Map<string, number>();
  /** Those whose jobs ended with a result too large for an event. */
  private large = new Set<Waiter>();
  private searchAt = 0;
  private timer: Timer | undefined;
  private readonly outcomes: KeptOutcomes;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock'>,
    keys: QueueKeys,
    private readonly search: JobSearch,
  ) {
    this.outcomes = new KeptOutcomes(context.redis, keys);
  }

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
    if (others?.size !== 0) return;
    this.byId.delete(waiter.id);
    this.misses.delete(waiter.id);
    if (this.byId.size > 0) return;
    this.context.clock.clear(this.timer);
    this.timer = undefined;
  }

  hear(event: JobEvent): void {
    if (!isEnd(event)) return;
    for (const waiter of this.of(event.id)) {
      if (!isMeant(event, waiter)) continue;
      if (event.type === 'completed' && event.isLarge) this.fetchSoon(waiter);
      else waiter.settle(event);
    }
  }

  /** Whether it is over already; later looks come by themselves. */
  async lookFor(waiter: Waiter): Promise<void> {
    judge(await this.outcomes.of(waiter.id), waiter);
  }

  private lookLater(): void {
    this.timer ??= this.context.clock.setTimeout(() => void this.look(), LOOK_MS, {
      ref: true,
      isUpkeep: true,
    });
  }

  private async look(): Promise<void> {
    const waiters = this.all;
    const ids = [...this.byId.keys()];
    try {
      const open: string[] = [];
      for (let start = 0; start < ids.length; start += BATCH) {
        open.push(...(await this.readOutcomes(ids.slice(start, start + BATCH))));
      }
      if (open.length > 0 && this.context.clock.monotonic() >= this.searchAt)
        await this.searchFor(open, waiters);
    } catch (error) {
      this.failAll(waiters, error);
    } finally {
      // Set anew by whoever came after the last one left.
      this.context.clock.clear(this.timer);
      this.timer = undefined;
      if (this.byId.size > 0) this.lookLater();
    }
  }

  /** Ends the waits for those that have ended, and gives back the others. */
  private async readOutcomes(ids: readonly string[]): Promise<string[]> {
    const kept = await this.outcomes.ofAll(ids);
    const isOpen = (id: string, outcome: KeptOutcome) => {
      const open = this.of(id).filter((waiter) => !judge(outcome, waiter));
      return outcome.end === undefined || open.length > 0;
    };
    return ids.filter((id, index) => isOpen(id, kept[index]!));
  }

  private async searchFor(ids: readonly string[], waiters: readonly Waiter[]): Promise<void> {
    const from = this.context.clock.monotonic();
    const open = await this.search.openAmong(ids);
    await this.findDead(ids, open);
    const missed = new Set(ids.filter((id) => this.isMissing(id, open.has(id))));
    if (missed.size > 0) {
      // It may have completed while it was searched for.
      const gone = new Set(await this.readOutcomes([...missed]));
      for (const waiter of waiters) if (gone.has(waiter.id)) waiter.fail(goneError(waiter.id));
    }
    this.searchAt = this.context.clock.monotonic() + PEACE * (this.context.clock.monotonic() - from);
  }

  private isMissing(id: string, isOpen: boolean): boolean {
    if (!this.byId.has(id)) return false;
    const misses = isOpen ? 0 : (this.misses.get(id) ?? 0) + 1;
    this.misses.set(id, misses);
    return misses >= MISSES;
  }

  private async findDead(ids: readonly string[], open: ReadonlySet<string>): Promise<void> {
    const letters = await this.search.deadAmong(ids);
    for (const { id, pattern, attempts, reason, addedOn } of letters.toReversed()) {
      const end: JobEvent = { type: 'dead', id, pattern, attempt: attempts, error: reason };
      for (const waiter of this.of(id)) {
        // Dead letters are kept for longer than ids are: it may be an earlier job's.
        if (waiter.addedOn === undefined ? !open.has(id) : waiter.addedOn === addedOn) waiter.settle(end);
      }
    }
  }

  private fetchSoon(waiter: Waiter): void {
    if (this.large.size === 0) this.context.clock.setImmediate(() => void this.fetch());
    this.large.add(waiter);
  }

  private async fetch(): Promise<void> {
    const waiters = [...this.large];
    this.large = new Set();
    for (let start = 0; start < waiters.length; start += LARGE_BATCH) {
      const part = waiters.slice(start, start + LARGE_BATCH);
      try {
        const kept = await this.outcomes.ofAll(part.map(({ id }) => id));
        for (const [index, { id, settle, fail, addedOn }] of part.entries()) {
          const { end } = kept[index]!;
          if (end && isEndOf(end, addedOn)) settle(end);
          else fail(goneError(id));
        }
      } catch (error) {
        this.failAll(part, error);
      }
    }
  }

  /** While Redis is away nothing is known; how long that may last is for each deadline to say. */
  private failAll(waiters: readonly Waiter[], error: unknown): void {
    if (!isUnavailable(error)) for (const { fail } of waiters) fail(error);
  }

  private get all(): Waiter[] {
    return [...this.byId.values()].flatMap((same) => [...same]);
  }

  private of(id: string): Waiter[] {
    return [...(this.byId.get(id) ?? [])];
  }
}

/** Whether an end is that of the job that somebody waits for, and not of an earlier one of its id. */
function isMeant(event: JobEvent, { addedOn, isLast }: Waiter): boolean {
  const isFollowed = 'hasFollower' in event && event.hasFollower;
  return isEndOf(event, addedOn) && !(isLast && isFollowed);
}

/** Ends a wait by what is kept, where that says anything: true then. */
function judge({ end, isOlder }: KeptOutcome, { id, addedOn, settle, fail }: Waiter): boolean {
  // Of those that were not added it is not known which job they wait for, but that it is there.
  if (!end || (isOlder && addedOn === undefined)) return false;
  if (isEndOf(end, addedOn)) settle(end);
  // A later job of the id has ended.
  else fail(goneError(id));
  return true;
}

function isEnd({ type }: JobEvent): boolean {
  return type === 'completed' || type === 'dead' || type === 'removed' || type === 'cancelled';
}

function goneError(id: string): HydraError {
  const why = 'it was removed, a Hydra 1.x worker did it, or its outcome was not kept';
  return new HydraError('REPLY_LOST', `job ${id} is over, and what it came to is not known: ${why}`);
}

export function isUnavailable(error: unknown): boolean {
  return error instanceof HydraError && error.code === 'REDIS_UNAVAILABLE' && error.retryable;
}
