import type { Clock, Timer } from '../runtime/clock.js';

/**
 * All items that end within one tick: a linked list. The links are in the items themselves, so that nothing is
 * allocated for each item.
 */
interface Slot {
  readonly tick: number;
  first: WithDeadline | undefined;
}

/** A thing that has a deadline, and a place in the list of a {@link DeadlineWheel}. */
export abstract class WithDeadline {
  /** When it ends, by `clock.monotonic()`. */
  abstract readonly deadlineAt: number;
  private slot: Slot | undefined;
  private before: WithDeadline | undefined;
  private after: WithDeadline | undefined;

  /** The next of its list. @internal */
  get next(): WithDeadline | undefined {
    return this.after;
  }

  /** Takes the first place of a list. @internal */
  enter(slot: Slot): void {
    this.slot = slot;
    this.before = undefined;
    this.after = slot.first;
    if (slot.first) slot.first.before = this;
    slot.first = this;
  }

  /** Leaves its list, and returns it; undefined where it is in none. @internal */
  leave(): Slot | undefined {
    const { slot, before, after } = this;
    if (!slot) return undefined;
    this.slot = this.before = this.after = undefined;
    if (before) before.after = after;
    else slot.first = after;
    if (after) after.before = before;
    return slot;
  }
}

const TICK_MS = 10;

/**
 * A timing wheel: the deadlines of very many things, with one timer. Each is in the list of its tick, which it enters and
 * leaves in constant time.
 * A deadline is noticed up to two ticks (20 ms) late, never early.
 */
export class DeadlineWheel<T extends WithDeadline> {
  private readonly slots = new Map<number, Slot>();
  private timer: Timer | undefined;
  private tick = 0;
  private count = 0;

  constructor(
    private readonly clock: Clock,
    private readonly expire: (item: T) => void,
  ) {}

  get size(): number {
    return this.count;
  }

  /** All whose deadline has not passed. Nothing may be removed meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (const { first } of this.slots.values()) {
      for (let item = first; item; item = item.next) yield item as T;
    }
  }

  add(item: T): void {
    // First the timer: with the tick from before a rest, a deadline that has already passed would never be noticed.
    if (this.count++ === 0) this.start();
    const tick = Math.max(Math.ceil(item.deadlineAt / TICK_MS) + 1, this.tick + 1);
    let slot = this.slots.get(tick);
    if (!slot) this.slots.set(tick, (slot = { tick, first: undefined }));
    item.enter(slot);
  }

  /** Removes an item; does nothing if it is not in the wheel. */
  remove(item: T): void {
    const slot = item.leave();
    if (!slot) return;
    if (!slot.first) this.slots.delete(slot.tick);
    this.count--;
  }

  private get nextTick(): number {
    let next = Infinity;
    for (const tick of this.slots.keys()) if (tick < next) next = tick;
    return next;
  }

  private start(): void {
    if (this.timer) return;
    this.tick = this.currentTick();
    this.timer = this.clock.setInterval(() => this.advance(), TICK_MS, {
      dueAt: () => this.nextTick * TICK_MS,
    });
  }

  private advance(): void {
    const now = this.currentTick();
    while (this.tick < now) {
      this.tick++;
      for (let item = this.slots.get(this.tick)?.first; item; item = this.slots.get(this.tick)?.first) {
        this.remove(item as T);
        this.expire(item as T);
      }
    }
    if (this.count > 0) return;
    this.clock.clear(this.timer);
    this.timer = undefined;
  }

  private currentTick(): number {
    return Math.floor(this.clock.monotonic() / TICK_MS);
  }
}
