import type { Clock, Timer } from '../../lib/runtime/clock.js';

interface ManualTimer {
  at: number;
  readonly order: number;
  readonly everyMs: number | undefined;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to go on; what is due runs in the order of its time. */
export class ManualClock implements Clock {
  private readonly timers = new Set<ManualTimer>();
  private readonly immediates: (() => void)[] = [];
  private elapsed = 0;
  private order = 0;

  constructor(private readonly startedAt = 1_700_000_000_000) {}

  /** How many timers are set: 0 when whatever started one has stopped it. */
  get timerCount(): number {
    return this.timers.size;
  }

  now(): number {
    return this.startedAt + Math.floor(this.elapsed);
  }

  monotonic(): number {
    return this.elapsed;
  }

  setTimeout(callback: () => void, ms: number): Timer {
    return this.set(callback, ms, undefined);
  }

  setInterval(callback: () => void, ms: number): Timer {
    return this.set(callback, ms, ms);
  }

  clear(timer: Timer | undefined): void {
    this.timers.delete(timer as ManualTimer);
  }

  setImmediate(callback: () => void): void {
    this.immediates.push(callback);
  }

  /** Goes on by so long; promises settle between what is due. */
  async advance(ms: number): Promise<void> {
    const end = this.elapsed + ms;
    await this.runImmediates();
    for (let next = this.nextBy(end); next; next = this.nextBy(end)) {
      this.elapsed = Math.max(this.elapsed, next.at);
      if (next.everyMs === undefined) this.timers.delete(next);
      else next.at += Math.max(1, next.everyMs);
      next.callback();
      await this.runImmediates();
    }
    this.elapsed = end;
  }

  private set(callback: () => void, ms: number, everyMs: number | undefined): Timer {
    const timer = { at: this.elapsed + Math.max(0, ms), order: this.order++, everyMs, callback };
    this.timers.add(timer);
    return timer;
  }

  private nextBy(end: number): ManualTimer | undefined {
    const due = [...this.timers].filter(({ at }) => at <= end);
    return due.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
  }

  private async runImmediates(): Promise<void> {
    await settled();
    for (let next = this.immediates.shift(); next; next = this.immediates.shift()) {
      next();
      await settled();
    }
  }
}

/** After every promise that is already on its way. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
