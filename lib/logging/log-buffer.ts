import type { Context } from '../redis/context.js';
import { redisError } from '../redis/redis-error.js';
import type { Timer } from '../runtime/clock.js';

/** Hydra 1.9 keeps them for so long. */
const LIFE_SECONDS = 604_800;

/** Counts of lines. */
export interface LogCounts {
  /** Stored in Redis. */
  readonly written: number;
  /** Above `logging.maxPerSecond`. */
  readonly limited: number;
  /** Dropped: there were too many while Redis was away, or they were lost with the connection. */
  readonly dropped: number;
}

export interface LogBufferOptions {
  /** The list of this instance's entries. */
  readonly key: string;
  /** Makes the entry that tells of a gap. */
  readonly gap: (lines: number) => string;
}

/**
 * Writes log entries to Redis: they are collected for `logging.flushMs` and then written together. Their number and
 * rate are limited. No caller waits for Redis or gets an error; what Redis refuses is logged once, and a warning in readiness.
 */
export class LogBuffer {
  private pending: string[] = [];
  private timer: Timer | undefined;
  private writing: Promise<void> | undefined;
  private written = 0;
  private limited = 0;
  private dropped = 0;
  /** How many of the dropped lines the log itself has reported. */
  private reported = 0;
  private second = 0;
  private inSecond = 0;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'options' | 'clock'>,
    private readonly options: LogBufferOptions,
  ) {}

  get counts(): LogCounts {
    const { written, limited, dropped } = this;
    return { written, limited, dropped };
  }

  /** Adds an entry to the next batch. If there are too many, the entry is not even made. */
  add(entry: () => string): void {
    if (!this.hasRate(this.context.clock.monotonic())) return void this.limited++;
    this.pending.push(entry());
    if (this.pending.length > this.context.options.logging.maxPending) {
      this.pending.shift();
      this.dropped++;
    }
    this.flushLater();
  }

  /** Writes what is there, if Redis is. Never throws. */
  flush(): Promise<void> {
    this.context.clock.clear(this.timer);
    this.timer = undefined;
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
      if (this.pending.length > 0) this.flushLater();
    });
    return this.writing;
  }

  private flushLater(): void {
    const { clock, options } = this.context;
    this.timer ??= clock.setTimeout(() => void this.flush(), options.logging.flushMs);
  }

  private async write(): Promise<void> {
    const { redis, options } = this.context;
    const { key } = this.options;
    const { maxEntries } = options.logging;
    if (!redis.isReady || this.pending.length === 0) return;
    const entries = this.pending;
    this.pending = [];
    const gaps = this.gaps();
    // Of more than the list holds, the first would be pushed out by the last; that lines are missing must stay.
    const kept = [...gaps, ...entries.slice(-Math.max(1, maxEntries - gaps.length))];
    try {
      await redis.commands
        .multi()
        .lpush(key, ...kept)
        .ltrim(key, 0, maxEntries - 1)
        .expire(key, LIFE_SECONDS)
        .exec();
      this.written += entries.length;
    } catch (error) {
      // They may have been stored: written again, they would be there twice.
      this.dropped += entries.length;
      redis.refusals.note(redisError('keep the log', refusalIn(error)), 'warning');
    }
  }

  /** A reader of the log must see that lines are missing. */
  private gaps(): readonly string[] {
    const lost = this.limited + this.dropped - this.reported;
    this.reported += lost;
    return lost === 0 ? [] : [this.options.gap(lost)];
  }

  private hasRate(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.second) [this.second, this.inSecond] = [second, 0];
    return ++this.inSecond <= this.context.options.logging.maxPerSecond;
  }
}

/** What a transaction was given up for, where one of its commands was refused. */
function refusalIn(error: unknown): unknown {
  const { previousErrors = [] } = (error ?? {}) as { readonly previousErrors?: readonly unknown[] };
  return previousErrors[0] ?? error;
}
