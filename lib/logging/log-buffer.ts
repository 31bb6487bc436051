import type { ResolvedOptions } from '../hydra-options.js';
import { outside } from '../runtime/async-context.js';
import type { RedisConnections } from '../redis/redis-connections.js';

/** Hydra 1.9 keeps so many entries. */
const KEPT = 64;
/** And for so long. */
const LIFE_SECONDS = 604_800;

/** What became of the lines. */
export interface LogCounts {
  /** Stored in Redis. */
  readonly written: number;
  /** Above `logging.maxPerSecond`. */
  readonly limited: number;
  /** Given up: too many while Redis was away, or lost with the connection. */
  readonly dropped: number;
}

/**
 * The way of log entries to Redis: gathered for `logging.flushMs`, then written in one go. Bounded in number and rate; no
 * entry waits for Redis, and no failure is told to who logs.
 */
export class LogBuffer {
  private pending: string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
  private written = 0;
  private limited = 0;
  private dropped = 0;
  /** Of those not kept, how many the log itself says so of. */
  private reported = 0;
  private second = 0;
  private inSecond = 0;

  constructor(
    private readonly key: string,
    private readonly redis: RedisConnections,
    private readonly options: ResolvedOptions['logging'],
    /** The entry that tells of a gap. */
    private readonly gap: (lines: number) => string,
  ) {}

  get counts(): LogCounts {
    const { written, limited, dropped } = this;
    return { written, limited, dropped };
  }

  /** Takes an entry for the next batch, unless there are too many: it is then not even made. */
  add(entry: () => string, now = performance.now()): void {
    if (!this.hasRate(now)) return void this.limited++;
    this.pending.push(entry());
    if (this.pending.length > this.options.maxPending) {
      this.pending.shift();
      this.dropped++;
    }
    this.flushLater();
  }

  /** Writes what is there, if Redis is. Never throws. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
      if (this.pending.length > 0) this.flushLater();
    });
    return this.writing;
  }

  private flushLater(): void {
    this.timer ??= outside(() => setTimeout(() => void this.flush(), this.options.flushMs).unref());
  }

  private async write(): Promise<void> {
    if (!this.redis.isReady || this.pending.length === 0) return;
    const entries = this.pending;
    this.pending = [];
    const gaps = this.gaps();
    // Of more than the list holds, the first would be pushed out by the last; that lines are missing must stay.
    const kept = [...gaps, ...entries.slice(-(KEPT - gaps.length))];
    try {
      await this.redis.commands
        .multi()
        .lpush(this.key, ...kept)
        .ltrim(this.key, 0, KEPT - 1)
        .expire(this.key, LIFE_SECONDS)
        .exec();
      this.written += entries.length;
    } catch {
      // They may have been stored: written again, they would stand there twice.
      this.dropped += entries.length;
    }
  }

  /** Who reads the log must know that it has gaps. */
  private gaps(): readonly string[] {
    const lost = this.limited + this.dropped - this.reported;
    this.reported += lost;
    return lost === 0 ? [] : [this.gap(lost)];
  }

  private hasRate(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.second) [this.second, this.inSecond] = [second, 0];
    return ++this.inSecond <= this.options.maxPerSecond;
  }
}
