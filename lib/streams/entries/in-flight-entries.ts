import { compareIds } from '../../protocol/stream-id.js';
import type { Entry } from './entry.js';

/**
 * The entries that are in flight at one instance, in no order: an array in which the last one takes the place of one that
 * leaves. (In a Map, entries that come and go by the thousand keep the collector busy: V8 copies it all the time, and a copy
 * that has grown old keeps the dead ones alive.)
 */
export class InFlightEntries {
  private readonly entries: Entry[] = [];
  private lastId = '0-0';

  get size(): number {
    return this.entries.length;
  }

  /** False when it is in flight already. */
  add(entry: Entry): boolean {
    // Redis delivers in order: a look through all is for what was claimed, or delivered again.
    if (compareIds(entry.id, this.lastId) > 0) this.lastId = entry.id;
    else if (this.has(entry.id)) return false;
    entry.heldAt(this.entries.length);
    this.entries.push(entry);
    return true;
  }

  /** Nothing happens if it is not in flight. */
  remove(entry: Entry): void {
    const { position } = entry;
    if (position < 0) return;
    const last = this.entries.pop()!;
    if (last !== entry) {
      this.entries[position] = last;
      last.heldAt(position);
    }
    entry.heldAt(-1);
  }

  has(id: string): boolean {
    return this.entries.some((entry) => entry.id === id);
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.entries[Symbol.iterator]();
  }
}
