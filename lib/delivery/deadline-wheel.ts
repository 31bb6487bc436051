import { outside } from '../runtime/async-context.js';

/** What has a deadline. The fields belong to {@link Deadlines}. */
export abstract class Timed {
  /** The instant it ends, by `performance.now()`. */
  abstract readonly deadlineAt: number;
  /** @internal */ slot: Slot | undefined;
  /** @internal */ before: Timed | undefined;
  /** @internal */ after: Timed | undefined;
}

interface Slot {
  readonly tick: number;
  first: Timed | undefined;
}

const TICK_MS = 10;

/**
 * Deadlines of very many things, with one timer: each stands in the list of its tick, entered and left in constant time.
 * A deadline is noticed up to two ticks (20 ms) late, never early.
 */
export class Deadlines<T extends Timed> {
  private readonly slots = new Map<number, Slot>();
  private timer: NodeJS.Timeout | undefined;
  private tick = 0;
  private count = 0;

  constructor(private readonly expire: (item: T) => void) {}

  get size(): number {
    return this.count;
  }

  /** What has its deadline before it. Nothing may be removed meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (const { first } of this.slots.values()) {
      for (let item = first; item; item = item.after) yield item as T;
    }
  }

  add(item: T): void {
    // First the clock: by a tick from before a rest, a deadline that has passed already would never be met.
    if (this.count++ === 0) this.start();
    const tick = Math.max(Math.ceil(item.deadlineAt / TICK_MS) + 1, this.tick + 1);
    let slot = this.slots.get(tick);
    if (!slot) this.slots.set(tick, (slot = { tick, first: undefined }));
    item.slot = slot;
    item.before = undefined;
    item.after = slot.first;
    if (slot.first) slot.first.before = item;
    slot.first = item;
  }

  /** Takes it out; nothing happens if it is not in. */
  remove(item: T): void {
    const { slot, before, after } = item;
    if (!slot) return;
    item.slot = item.before = item.after = undefined;
    if (before) before.after = after;
    else slot.first = after;
    if (after) after.before = before;
    if (!slot.first) this.slots.delete(slot.tick);
    this.count--;
  }

  private start(): void {
    if (this.timer) return;
    this.tick = Math.floor(performance.now() / TICK_MS);
    this.timer = outside(() => setInterval(() => this.turn(), TICK_MS));
    // What waits keeps a socket open, and so the process; the clock alone must not.
    this.timer.unref();
  }

  private turn(): void {
    const now = Math.floor(performance.now() / TICK_MS);
    while (this.tick < now) {
      this.tick++;
      for (let item = this.slots.get(this.tick)?.first; item; item = this.slots.get(this.tick)?.first) {
        this.remove(item as T);
        this.expire(item as T);
      }
    }
    if (this.count === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  }
}
