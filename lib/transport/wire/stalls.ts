import type { Clock } from '../../runtime/clock.js';

const LATE_AFTER_MS = 500;
/** What is slow for longer than that is slow, and did not stand still. */
const STALL_EVERY_MS = 5_000;

/**
 * Tells which answers of Redis came after it had stood still. A server that continues after that says that it had receivers, and
 * they may have left it meanwhile for another one: their connections are closed, and it has not noticed.
 *
 * One stall puts in doubt what was under way when its first answer came, and nothing after that for 5 s: whatever is repeated
 * for it must not make a slow Redis slower.
 */
export class Stalls {
  private endedAt = -Infinity;

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  /** @param sentAt when the command that is answered now was sent, by `clock.monotonic()` */
  isLate(sentAt: number): boolean {
    const now = this.clock.monotonic();
    if (now - sentAt < LATE_AFTER_MS) return false;
    if (now - this.endedAt > STALL_EVERY_MS) this.endedAt = now;
    return sentAt < this.endedAt;
  }
}
