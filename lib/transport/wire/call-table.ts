const FIRST_PLACES = 64;
const MAX_PLACES = 4_096;

/**
 * Calls by their number. Numbers rise and most calls are short, so each has its place in a circular buffer, which grows
 * while places are taken; a call that is still there when the largest buffer comes round moves to a Map.
 *
 * All of them in a Map cost a quarter of a busy process's CPU: V8 copies a Map each time deletions have used up its room,
 * and a discarded copy that has grown old keeps every later one, with its calls, until the next major collection.
 */
export class CallTable<T extends { readonly id: number | string }> {
  private slots = emptySlots<T>(FIRST_PLACES);
  private readonly late = new Map<unknown, T>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Undefined for whatever is not the id of a call in here. */
  get(id: unknown): T | undefined {
    // A foreign id may be an object that cannot become a number.
    if (typeof id === 'object') return undefined;
    const call = this.slots[this.placeOf(id)];
    return call?.id === id ? call : this.late.get(id);
  }

  add(call: T): void {
    while (this.slots[this.placeOf(call.id)] && this.slots.length < MAX_PLACES) this.grow();
    const place = this.placeOf(call.id);
    const before = this.slots[place];
    if (before) this.late.set(before.id, before);
    this.slots[place] = call;
    this.count++;
  }

  /** Nothing happens if it is not in here. */
  delete(call: T): void {
    const place = this.placeOf(call.id);
    if (this.slots[place] === call) this.slots[place] = undefined;
    else if (!this.late.delete(call.id)) return;
    this.count--;
  }

  /** In no particular order; calls may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    yield* this.late.values();
    for (const call of this.slots) if (call) yield call;
  }

  private placeOf(id: unknown): number {
    return (id as number) & (this.slots.length - 1);
  }

  private grow(): void {
    const calls = this.slots;
    this.slots = emptySlots(calls.length * 2);
    for (const call of calls) if (call) this.slots[this.placeOf(call.id)] = call;
  }
}

function emptySlots<T>(places: number): (T | undefined)[] {
  return Array.from<T | undefined>({ length: places }).fill(undefined);
}
