import { compareIds, formatId, type StreamId } from './stream-id.js';

/** An entry that was delivered and is not acknowledged. */
export interface PendingEntry {
  readonly id: StreamId;
  consumer: Consumer;
  deliveredAt: number;
  deliveries: number;
}

export interface Consumer {
  readonly name: string;
  seenAt: number;
  readonly pending: PendingList;
}

/** Pending entries in the order of their ids. */
export class PendingList {
  private readonly byId = new Map<string, PendingEntry>();
  private order: PendingEntry[] = [];

  get size(): number {
    return this.byId.size;
  }

  get(id: StreamId): PendingEntry | undefined {
    return this.byId.get(formatId(id));
  }

  set(entry: PendingEntry): void {
    const key = formatId(entry.id);
    if (this.byId.has(key)) this.delete(entry.id);
    this.byId.set(key, entry);
    const last = this.order.at(-1);
    if (last && compareIds(last.id, entry.id) > 0) this.order.splice(this.firstFrom(entry.id), 0, entry);
    else this.order.push(entry);
  }

  delete(id: StreamId): boolean {
    const entry = this.byId.get(formatId(id));
    if (!entry) return false;
    this.byId.delete(formatId(id));
    this.order.splice(this.firstFrom(id), 1);
    return true;
  }

  list(): readonly PendingEntry[] {
    return this.order;
  }

  /** The entries from an id on. */
  from(id: StreamId): readonly PendingEntry[] {
    return this.order.slice(this.firstFrom(id));
  }

  private firstFrom(id: StreamId): number {
    let [low, high] = [0, this.order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(this.order[middle]!.id, id) >= 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** How far a group has read. */
interface GroupPlace {
  lastId: StreamId;
  /** How many entries were read; unknown after the place was set by hand. */
  entriesRead: bigint | undefined;
}

/** What a group of consumers has read of a stream. */
export class ConsumerGroup {
  readonly place: GroupPlace;
  readonly consumers = new Map<string, Consumer>();
  readonly pending = new PendingList();

  constructor(
    readonly name: string,
    lastId: StreamId,
    entriesRead: bigint | undefined,
  ) {
    this.place = { lastId, entriesRead };
  }

  consumer(name: string, now: number): Consumer {
    const known = this.consumers.get(name);
    if (known) return known;
    const consumer: Consumer = { name, seenAt: now, pending: new PendingList() };
    this.consumers.set(name, consumer);
    return consumer;
  }

  deliver(id: StreamId, consumer: Consumer, now: number): void {
    this.acknowledge(id);
    const entry: PendingEntry = { id, consumer, deliveredAt: now, deliveries: 1 };
    this.pending.set(entry);
    consumer.pending.set(entry);
  }

  give(entry: PendingEntry, consumer: Consumer): void {
    entry.consumer.pending.delete(entry.id);
    entry.consumer = consumer;
    consumer.pending.set(entry);
  }

  acknowledge(id: StreamId): boolean {
    const entry = this.pending.get(id);
    if (!entry) return false;
    entry.consumer.pending.delete(id);
    return this.pending.delete(id);
  }

  /** How many entries it held. */
  removeConsumer(name: string): number | undefined {
    const consumer = this.consumers.get(name);
    if (!consumer) return undefined;
    const held = consumer.pending.size;
    for (const { id } of [...consumer.pending.list()]) this.pending.delete(id);
    this.consumers.delete(name);
    return held;
  }
}
