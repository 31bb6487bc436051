import type { Clock, Timer } from '../../runtime/clock.js';
import type { Entry } from './entry.js';
import type { EntryHandler } from './entry-handler.js';

/** An entry that is read before it has a slot should not wait much longer than this. */
const QUICK_MS = 10;

/** Begins entries that have a slot. */
export interface SlotListener {
  slotsTaken(slots: HandlerSlots, entries: readonly Entry[]): void;
}

/**
 * The slots of one handler: how many entries (or batches) run at once, and which waiting entry is next.
 *
 * Only one suspect entry runs at a time. An entry is suspect when several owners died with it: if it is the cause, it
 * takes few others with it.
 */
export class HandlerSlots {
  private readonly waiting: Entry[] = [];
  private running = 0;
  private isSuspectRunning = false;
  private isClosed = false;
  private batchTimer: Timer | undefined;
  /** Whether the first of a batch has waited long enough. */
  private isBatchDue = false;
  private sample: Entry | undefined;
  private sampledAt = 0;
  private lastMs = Infinity;

  constructor(
    readonly handler: EntryHandler,
    private readonly clock: Clock,
    private readonly listener: SlotListener,
  ) {}

  /**
   * How many more entries can begin now; twice as many while the handler is so quick that the next ones can be read
   * meanwhile.
   */
  get capacity(): number {
    const { concurrency, batch } = this.handler;
    const ahead = this.isQuick ? concurrency : 0;
    return Math.max(0, (concurrency - this.running) * (batch?.size ?? 1) + ahead - this.waiting.length);
  }

  /** Runs it as soon as there is a slot. */
  enter(entry: Entry): void {
    const { concurrency, batch } = this.handler;
    const isPlain = !batch && !entry.isSuspect && !this.isClosed;
    if (isPlain && this.waiting.length === 0 && this.running < concurrency) {
      this.running++;
      this.sample ??= this.timed(entry);
      this.listener.slotsTaken(this, [entry]);
      return;
    }
    this.waiting.push(entry);
    this.advance();
  }

  /** One run is over: the next begins. */
  leave([first]: readonly Entry[]): void {
    this.running--;
    if (first === this.sample) this.sampleEnded();
    if (first!.isSuspect) this.isSuspectRunning = false;
    this.advance();
  }

  /** Begins no more entries. */
  close(): void {
    this.isClosed = true;
    this.clock.clear(this.batchTimer);
  }

  /** Only one run at a time is measured. This is enough to know how long the handler takes. */
  private get isQuick(): boolean {
    if (this.lastMs > QUICK_MS) return false;
    return !this.sample || this.clock.monotonic() - this.sampledAt < QUICK_MS;
  }

  private timed(entry: Entry): Entry {
    this.sampledAt = this.clock.monotonic();
    return entry;
  }

  private sampleEnded(): void {
    this.lastMs = this.clock.monotonic() - this.sampledAt;
    this.sample = undefined;
  }

  private advance(): void {
    while (!this.isClosed && this.waiting.length > 0 && this.running < this.handler.concurrency) {
      const entries = this.next();
      if (entries.length === 0) return;
      this.running++;
      if (entries[0]!.isSuspect) this.isSuspectRunning = true;
      this.listener.slotsTaken(this, entries);
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
    const batch = this.waiting.filter((entry) => !entry.isSuspect).slice(0, size);
    if (batch.length < size && !this.isBatchDue) {
      this.batchTimer ??= this.clock.setTimeout(() => this.batchIsDue(), waitMs);
      return [];
    }
    this.clock.clear(this.batchTimer);
    this.batchTimer = undefined;
    this.isBatchDue = false;
    for (const entry of batch) this.waiting.splice(this.waiting.indexOf(entry), 1);
    return batch;
  }

  private batchIsDue(): void {
    this.isBatchDue = true;
    this.advance();
  }
}
