import { outside } from '../../../lib/runtime/async-context.js';
import type { Clock, Timer } from '../../../lib/runtime/clock.js';

/** What happens first where several things happen at one instant: as in an event loop, timers, then input, then the rest. */
export const PHASES = { timers: 0, input: 1, immediates: 2 } as const;
export type Phase = (typeof PHASES)[keyof typeof PHASES];

interface Happening {
  readonly at: number;
  readonly phase: Phase;
  readonly order: number;
  readonly act: () => void;
  isOver: boolean;
}

// The machine's own is watched while a world runs.
const nextImmediate = setImmediate;
/** In one turn of the machine's event loop, which costs more than most of them. */
const STEPS_AT_ONCE = 100;

/**
 * The time of a simulated world, in milliseconds from 0. It stands still while anything happens, and jumps to what is due
 * next. What is due at one instant happens in a fixed order, and between two happenings all promises settle.
 */
export class SimClock implements Clock {
  private readonly heap: Happening[] = [];
  private time = 0;
  private order = 0;
  private count = 0;
  /** Whose code runs now. */
  actor = 'world';

  /** @param startAt milliseconds since 1970 at the beginning */
  constructor(private readonly startAt = 1_700_000_000_000) {}

  /** How many things have happened. */
  get happened(): number {
    return this.count;
  }

  now(): number {
    return this.startAt + Math.floor(this.time);
  }

  monotonic(): number {
    return this.time;
  }

  /** Has something happen at an instant, in its phase. */
  at(instant: number, phase: Phase, act: () => void): Happening {
    const happening = { at: Math.max(instant, this.time), phase, order: this.order++, act, isOver: false };
    this.push(happening);
    return happening;
  }

  setTimeout(callback: () => void, ms: number): Timer {
    const delayMs = ms >= 1 ? ms : 1;
    return this.at(this.time + delayMs, PHASES.timers, () => outside(callback));
  }

  setInterval(callback: () => void, ms: number): Timer {
    const timer: { current: Happening | undefined; isOver: boolean } = { current: undefined, isOver: false };
    const again = () => {
      timer.current = this.setTimeout(() => {
        callback();
        if (!timer.isOver) again();
      }, ms) as Happening;
    };
    again();
    return timer;
  }

  clear(timer: Timer | undefined): void {
    const known = timer as { current?: Happening; isOver: boolean } | undefined;
    if (!known) return;
    known.isOver = true;
    if (known.current) known.current.isOver = true;
  }

  setImmediate(callback: () => void): void {
    this.at(this.time, PHASES.immediates, () => outside(callback));
  }

  /** Goes on until an instant, or until there is nothing to come. */
  async runUntil(end: number): Promise<void> {
    let isOver = false;
    while (!isOver) isOver = await this.goOn(end);
    this.time = Math.max(this.time, end);
  }

  /**
   * Lets some things happen, each in an immediate of the machine: between two of them all promises and ticks settle.
   *
   * @returns whether there is nothing more to come until `end`
   */
  private goOn(end: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const step = () => {
        if (isOver) return;
        try {
          isOver = !this.step(end);
        } catch (error) {
          isOver = true;
          reject(error);
        }
      };
      for (let count = 0; count < STEPS_AT_ONCE; count++) nextImmediate(step);
      nextImmediate(() => resolve(isOver));
    });
  }

  /** Lets the next thing happen; false where there is none until `end`. */
  private step(end: number): boolean {
    for (let next = this.heap[0]; next && next.at <= end; next = this.heap[0]) {
      this.pop();
      if (next.isOver) continue;
      next.isOver = true;
      this.time = next.at;
      this.count++;
      this.actor = 'world';
      next.act();
      return true;
    }
    return false;
  }

  private push(happening: Happening): void {
    const { heap } = this;
    let at = heap.push(happening) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(happening, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = happening;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.at - b.at < 0 || (a.at === b.at && (a.phase - b.phase || a.order - b.order) < 0);
}
