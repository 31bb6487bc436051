import { ConsumerGroup } from './consumer-group.js';
import { compareIds, MIN_ID, type StreamId } from './stream-id.js';
import { ELEMENT_BYTES, Value } from './value.js';

export interface StreamEntry {
  readonly id: StreamId;
  /** Field and value alternating. */
  readonly fields: readonly string[];
}

/** What a stream knows of entries that it may not have any more. */
interface StreamHead {
  lastId: StreamId;
  maxDeletedId: StreamId;
  entriesAdded: bigint;
}

/** Entries in the order of their ids, and the groups that read them. */
export class StreamValue extends Value {
  readonly type = 'stream';
  readonly isEmpty = false;
  readonly head: StreamHead = { lastId: MIN_ID, maxDeletedId: MIN_ID, entriesAdded: 0n };
  readonly groups = new Map<string, ConsumerGroup>();
  private entries: StreamEntry[] = [];
  private first = 0;

  get size(): number {
    return this.entries.length - this.first;
  }

  get firstEntry(): StreamEntry | undefined {
    return this.entries[this.first];
  }

  get lastEntry(): StreamEntry | undefined {
    return this.size > 0 ? this.entries.at(-1) : undefined;
  }

  add(id: StreamId, fields: readonly string[]): void {
    this.entries.push({ id, fields });
    this.head.lastId = id;
    this.head.entriesAdded++;
    this.grow(sizeOf(fields));
  }

  get(id: StreamId): StreamEntry | undefined {
    const entry = this.entries[this.placeFrom(id)];
    return entry && compareIds(entry.id, id) === 0 ? entry : undefined;
  }

  delete(id: StreamId): boolean {
    const place = this.placeFrom(id);
    const entry = this.entries[place];
    if (!entry || compareIds(entry.id, id) !== 0) return false;
    if (place === this.first) this.dropFirst();
    else this.entries.splice(place, 1);
    this.grow(-sizeOf(entry.fields));
    if (compareIds(id, this.head.maxDeletedId) > 0) this.head.maxDeletedId = id;
    return true;
  }

  /** Removes the oldest. */
  shift(): StreamEntry | undefined {
    const entry = this.firstEntry;
    if (!entry) return undefined;
    this.dropFirst();
    this.grow(-sizeOf(entry.fields));
    return entry;
  }

  range(from: StreamId, to: StreamId, count = Infinity): StreamEntry[] {
    const start = this.placeFrom(from);
    const end = Math.min(this.placeBehind(to), start + count);
    return this.entries.slice(start, Math.max(start, end));
  }

  reverseRange(from: StreamId, to: StreamId, count = Infinity): StreamEntry[] {
    const end = this.placeBehind(to);
    const start = Math.max(this.placeFrom(from), end - count);
    return this.entries.slice(start, Math.max(start, end)).toReversed();
  }

  /** How many entries lie from an id on. */
  countFrom(id: StreamId): number {
    return this.entries.length - this.placeFrom(id);
  }

  copy(): StreamValue {
    const copy = new StreamValue();
    for (const { id, fields } of this.range(MIN_ID, this.head.lastId)) copy.add(id, fields);
    copy.head.lastId = this.head.lastId;
    copy.head.maxDeletedId = this.head.maxDeletedId;
    copy.head.entriesAdded = this.head.entriesAdded;
    for (const group of this.groups.values()) copy.groups.set(group.name, copyGroup(group));
    return copy;
  }

  private dropFirst(): void {
    this.first++;
    if (this.first < 64 || this.first * 2 < this.entries.length) return;
    this.entries = this.entries.slice(this.first);
    this.first = 0;
  }

  private placeFrom(id: StreamId): number {
    return this.firstWhere((entry) => compareIds(entry.id, id) >= 0);
  }

  private placeBehind(id: StreamId): number {
    return this.firstWhere((entry) => compareIds(entry.id, id) > 0);
  }

  private firstWhere(holds: (entry: StreamEntry) => boolean): number {
    let [low, high] = [this.first, this.entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.entries[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function sizeOf(fields: readonly string[]): number {
  return fields.reduce((bytes, text) => bytes + text.length + 8, ELEMENT_BYTES);
}

function copyGroup(group: ConsumerGroup): ConsumerGroup {
  const copy = new ConsumerGroup(group.name, group.place.lastId, group.place.entriesRead);
  for (const { name, seenAt } of group.consumers.values()) copy.consumer(name, seenAt).seenAt = seenAt;
  for (const { id, consumer, deliveredAt, deliveries } of group.pending.list()) {
    copy.deliver(id, copy.consumer(consumer.name, deliveredAt), deliveredAt);
    copy.pending.get(id)!.deliveries = deliveries;
  }
  return copy;
}
