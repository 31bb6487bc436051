import type { Clock, Timer } from '../../runtime/clock.js';

/** Of the time, one part in so many is closed to others at most, while others have something to do. */
const SHARE = 5;
/** After so many milliseconds without a start, nobody is held up. */
const QUIET_MS = 100;
/** What has run alone for so long is no longer kept from company, in milliseconds: others would wait for as long as it lasts. */
const MAX_ALONE_MS = 10_000;

/**
 * Counts the jobs that run in this process, over all its queues, and lets one run alone: once it is asked for, no other
 * starts, and it starts when the last one has ended. What that costs the others is bounded: afterwards the gate stays open
 * for four times as long as it was closed.
 */
export class StartGate {
  private readonly listeners: (() => void)[] = [];
  private waiting: (() => void) | undefined;
  private running = 0;
  private isAlone = false;
  private closedAt = 0;
  private restUntil = 0;
  private enteredAt = -Infinity;
  private company: Timer | undefined;

  constructor(private readonly clock: Clock) {}

  /** Others may start. */
  get isOpen(): boolean {
    return !this.isAlone && !this.waiting;
  }

  /** Milliseconds until one may ask to be alone. */
  get restMs(): number {
    const now = this.clock.monotonic();
    if (!this.isOpen) return Math.max(QUIET_MS, now - this.closedAt);
    const isQuiet = this.running === 0 && now - this.enteredAt > QUIET_MS;
    return isQuiet ? 0 : Math.max(0, this.restUntil - now);
  }

  /** Hears when others may start again. */
  onOpen(listener: () => void): void {
    this.listeners.push(listener);
  }

  enter(): void {
    this.running++;
    this.enteredAt = this.clock.monotonic();
  }

  leave(): void {
    this.running--;
    if (this.running > 0) return;
    if (this.isAlone) this.open();
    else this.startAlone();
  }

  /** Calls `start` when nothing runs any more; it has to lead to one `leave`. Only where it is open, and has rested. */
  enterAlone(start: () => void): void {
    this.closedAt = this.clock.monotonic();
    this.waiting = start;
    if (this.running === 0) this.startAlone();
  }

  /** It does not wait to be alone any longer; false when it has started. */
  giveUp(start: () => void): boolean {
    if (this.waiting !== start) return false;
    this.waiting = undefined;
    this.open();
    return true;
  }

  /** For how long, in milliseconds, nothing else has started because one waits to be alone, or is; 0 when none does. */
  get closedMs(): number {
    return this.isOpen ? 0 : this.clock.monotonic() - this.closedAt;
  }

  private startAlone(): void {
    const start = this.waiting;
    if (!start) return;
    this.waiting = undefined;
    this.isAlone = true;
    this.running++;
    this.company = this.clock.setTimeout(() => this.open(), MAX_ALONE_MS);
    start();
  }

  private open(): void {
    this.clock.clear(this.company);
    this.isAlone = false;
    const now = this.clock.monotonic();
    this.restUntil = now + (now - this.closedAt) * (SHARE - 1);
    for (const listener of this.listeners) listener();
  }
}
