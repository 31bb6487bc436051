/** What the clock of Redis shows, as far as one worker knows: no two machines' clocks are compared. */
export class RedisClock {
  /** Until Redis has told it, the clock of this machine. */
  isKnown = false;
  private ahead = Date.now() - performance.now();

  /**
   * @param redisMs Unix time that Redis told, in milliseconds
   * @param askedAt when it was asked, by `performance.now()`
   */
  set(redisMs: number, askedAt: number): void {
    this.ahead = redisMs - askedAt;
    this.isKnown = true;
  }

  /** Unix time in milliseconds, early by no more than an answer of Redis takes. */
  now(): number {
    return Math.round(performance.now() + this.ahead);
  }
}
