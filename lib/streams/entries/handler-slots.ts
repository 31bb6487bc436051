import type { Entry } from './entry.js';
import type { EntryHandler } from './entry-handler.js';

/** An entry that is delivered ahead of its turn must not wait much longer than this. */
const QUICK_MS = 10;

/**
 * The places of one handler: how many entries (or batches) it has in hand at once, and which waits for which.
 *
 * An entry that was in hand when several of its owners were lost runs alone among its like: if it is what kills them, it
 * takes few others with it.
 */
export class Lane {
  private readonly waiting: Entry[] = [];
  private running = 0;
  private isSuspectRunning = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | undefined;
  /** Whether the first of a batch has waited long enough. */
  private isDue = false;
  private sample: Entry | undefined;
  private sampledAt = 0;
  private lastMs = Infinity;

  constructor(
    readonly handler: EntryHandler,
    private readonly run: (lane: Lane, entries: readonly Entry[]) => void,
  ) {}

  /**
   * How many more entries can be begun at once; twice that while the handler is so quick that the next ones can be on their
   * way meanwhile.
   */
  get room(): number {
    const { concurrency, batch } = this.handler;
    const ahead = this.isQuick ? concurrency : 0;
    return Math.max(0, (concurrency - this.running) * (batch?.size ?? 1) + ahead - this.waiting.length);
  }

  /** Entries that have not been begun. */
  get unbegun(): readonly Entry[] {
    return this.waiting;
  }

  enter(entry: Entry): void {
    const { concurrency, batch } = this.handler;
    const isPlain = !batch && !entry.isSuspect && !this.isClosed;
    if (isPlain && this.waiting.length === 0 && this.running < concurrency) {
      this.running++;
      this.sample ??= this.time(entry);
      this.run(this, [entry]);
      return;
    }
    this.waiting.push(entry);
    this.advance();
  }

  /** One run is over: the next begins. */
  leave([first]: readonly Entry[]): void {
    this.running--;
    if (first === this.sample) this.timed();
    if (first!.isSuspect) this.isSuspectRunning = false;
    this.advance();
  }

  /** Begins nothing any more. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  /** One run at a time is timed: that is enough to know what the handler is like. */
  private get isQuick(): boolean {
    if (this.lastMs > QUICK_MS) return false;
    return !this.sample || performance.now() - this.sampledAt < QUICK_MS;
  }

  private time(entry: Entry): Entry {
    this.sampledAt = performance.now();
    return entry;
  }

  private timed(): void {
    this.lastMs = performance.now() - this.sampledAt;
    this.sample = undefined;
  }

  private advance(): void {
    while (!this.isClosed && this.waiting.length > 0 && this.running < this.handler.concurrency) {
      const entries = this.next();
      if (entries.length === 0) return;
      this.running++;
      if (entries[0]!.isSuspect) this.isSuspectRunning = true;
      this.run(this, entries);
    }
  }

  private next(): readonly Entry[] {
    const { batch } = this.handler;
    const at = this.isSuspectRunning ? this.waiting.findIndex((entry) => !entry.isSuspect) : 0;
    if (at < 0) return [];
    if (!batch || this.waiting[at]!.isSuspect) return this.waiting.splice(at, 1);
    return this.nextBatch(batch);
  }

  private nextBatch({ size, waitMs }: NonNullable<EntryHandler['batch']>): readonly Entry[] {
    const ready = this.waiting.filter((entry) => !entry.isSuspect).slice(0, size);
    if (ready.length < size && !this.isDue) {
      this.timer ??= setTimeout(() => {
        this.isDue = true;
        this.advance();
      }, waitMs);
      return [];
    }
    clearTimeout(this.timer);
    this.timer = undefined;
    this.isDue = false;
    for (const entry of ready) this.waiting.splice(this.waiting.indexOf(entry), 1);
    return ready;
  }
}
