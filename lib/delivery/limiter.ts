import { outside } from '../runtime/async-context.js';

/** Limits how many items run at once. Further items wait in a queue of limited length; beyond it they are refused. */
export class Limiter<T> {
  private readonly waiting: T[] = [];
  private running = 0;

  /** `maxRunning` 0 means no limit. */
  constructor(
    private readonly maxRunning: number,
    private readonly maxWaiting: number,
    private readonly run: (item: T) => void,
  ) {}

  get inFlight(): number {
    return this.running;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  /** Runs the item now or later; false when there is no room for it. */
  enter(item: T): boolean {
    if (this.maxRunning > 0 && this.running >= this.maxRunning) {
      if (this.waiting.length >= this.maxWaiting) return false;
      this.waiting.push(item);
      return true;
    }
    this.running++;
    this.run(item);
    return true;
  }

  /** An item has ended: the next one runs. */
  leave(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.running--;
    // This may be called in the asynchronous context of a handler.
    else outside(() => this.run(next));
  }

  /** Takes an item out of the queue; false when it is not in it. */
  withdraw(item: T): boolean {
    const index = this.waiting.indexOf(item);
    if (index < 0) return false;
    this.waiting.splice(index, 1);
    return true;
  }
}
