import { MAX_TIMER_MS } from '../options/checks.js';
import { outside } from './async-context.js';

/** A timer. It is cleared with the clock that set it. */
export type Timer = object;

export interface TimerOptions {
  /** Whether the timer keeps the process alive. @defaultValue false */
  readonly ref?: boolean;
  /**
   * Whether it only keeps something alive, or looks whether all is well, and is set again each time: where time is moved
   * forward by hours, such a timer runs once, and an interval too. @defaultValue false
   */
  readonly isUpkeep?: boolean;
}

export interface IntervalOptions {
  /**
   * When there is something to do next, by `monotonic()`: where time is moved forward, the interval runs then. Left out, it is
   * upkeep.
   */
  readonly dueAt?: () => number | undefined;
}

/**
 * The time of one instance: what its code reads, and what it waits by. The system's, unless a test or a simulation gives
 * another; so nothing else in `lib/` may ask Node for the time or set a timer.
 *
 * Callbacks run in an asynchronous context of their own: a timer serves many, or lives longer than the request that
 * happened to set it.
 */
export interface Clock {
  /** Whether a test moves its time: that something comes late says nothing of the event loop then. @defaultValue false */
  readonly isMoved?: boolean;
  /** Milliseconds since 1970. Only for what people or other machines read: it may jump. */
  now(): number;
  /** Milliseconds since some moment, with fractions; never goes back. For durations and deadlines. */
  monotonic(): number;
  /** @param ms a longer time than Node's longest timer, 24.8 days, ends then */
  setTimeout(callback: () => void, ms: number, options?: TimerOptions): Timer;
  setInterval(callback: () => void, ms: number, options?: IntervalOptions): Timer;
  /** Stops a timeout or an interval; nothing happens where there is none. */
  clear(timer: Timer | undefined): void;
  /** Calls the function after the work of this event-loop tick, before the next input is read. */
  setImmediate(callback: () => void): void;
}

class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  setTimeout(callback: () => void, ms: number, { ref = false }: TimerOptions = {}): Timer {
    const timer = outside(() => setTimeout(callback, Math.min(ms, MAX_TIMER_MS)));
    return ref ? timer : timer.unref();
  }

  setInterval(callback: () => void, ms: number): Timer {
    return outside(() => setInterval(callback, Math.min(ms, MAX_TIMER_MS))).unref();
  }

  clear(timer: Timer | undefined): void {
    clearTimeout(timer as NodeJS.Timeout | undefined);
  }

  setImmediate(callback: () => void): void {
    outside(() => setImmediate(callback));
  }
}

/** The time of this machine. */
export const systemClock: Clock = new SystemClock();
