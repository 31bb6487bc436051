import type { Clock } from '../../runtime/clock.js';

/** Lets a reader wait until there is capacity for more entries. */
export class FlowControl {
  private wake: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  /** Resolves when there may be capacity, or after `maxMs`. */
  async wait(maxMs?: number): Promise<void> {
    const timer = await new Promise((resolve: (timer: object | undefined) => void) => {
      const waiting = maxMs === undefined ? undefined : this.clock.setTimeout(() => resolve(waiting), maxMs);
      this.wake = () => resolve(waiting);
    });
    this.clock.clear(timer);
    this.wake = undefined;
  }

  /**
   * There may be capacity. This is checked after the event-loop tick, so that all entries that end in it make room for
   * one larger read.
   */
  notify(): void {
    if (!this.wake) return;
    this.clock.setImmediate(this.wake);
    this.wake = undefined;
  }

  /** Ends all waits. */
  close(): void {
    this.wake?.();
  }
}
