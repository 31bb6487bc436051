import type { Clock } from '../../runtime/clock.js';

/** What the clock of Redis shows, as far as one worker knows: no two machines' clocks are compared. */
export class RedisClock {
  /** Until Redis has told it, the clock of this machine. */
  isKnown = false;
  private ahead: number;

  constructor(private readonly clock: Clock) {
    this.ahead = clock.now() - clock.monotonic();
  }

  /**
   * @param redisMs Unix time that Redis told, in milliseconds
   * @param askedAt when it was asked, by `clock.monotonic()`
   */
  set(redisMs: number, askedAt: number): void {
    this.ahead = redisMs - askedAt;
    this.isKnown = true;
  }

  /** As {@link set}, but never back: what is asked of another server, or for another queue, may be behind. */
  advance(redisMs: number, askedAt: number): void {
    if (redisMs - askedAt > this.ahead) this.set(redisMs, askedAt);
  }

  /** Unix time in milliseconds, early by no more than an answer of Redis takes. */
  now(): number {
    return this.at(this.clock.monotonic());
  }

  /** The same of another moment, by `clock.monotonic()`. */
  at(moment: number): number {
    return Math.round(moment + this.ahead);
  }
}
