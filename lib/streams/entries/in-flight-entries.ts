import { compareIds } from '../../protocol/stream-id.js';
import type { Entry } from './entry.js';

/**
 * The entries in the hands of one instance, each linked to its neighbours. (In a Map, entries that come and go by the
 * thousand keep the collector busy: V8 copies it all the time, and a copy that has grown old keeps the dead ones alive.)
 */
export class Hands {
  private first: Entry | undefined;
  private last = '0-0';
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** False when it is in hand already. */
  add(entry: Entry): boolean {
    // Redis delivers in order: a look through all is for what was claimed, or delivered again.
    if (compareIds(entry.id, this.last) > 0) this.last = entry.id;
    else if (this.has(entry.id)) return false;
    entry.isInHand = true;
    entry.after = this.first;
    if (this.first) this.first.before = entry;
    this.first = entry;
    this.count++;
    return true;
  }

  /** Nothing happens if it is not in hand. */
  remove(entry: Entry): void {
    if (!entry.isInHand) return;
    const { before, after } = entry;
    if (before) before.after = after;
    else this.first = after;
    if (after) after.before = before;
    entry.isInHand = false;
    entry.before = entry.after = undefined;
    this.count--;
  }

  has(id: string): boolean {
    for (let entry = this.first; entry; entry = entry.after) if (entry.id === id) return true;
    return false;
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (let entry = this.first; entry; entry = entry.after) yield entry;
  }
}
