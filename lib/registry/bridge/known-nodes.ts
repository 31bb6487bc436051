import { decodeNode } from '../../protocol/records.js';

/** What the bridge knows about one entry of the nodes hash. */
export interface KnownNode {
  readonly id: string;
  readonly service: string;
  /** The record as it was read. For a Hydra 1.x instance, the bridge enters it in the index. */
  readonly record: string;
  /** Written by one of ours, which enters itself in the index. */
  readonly isOurs: boolean;
  /** When its presence was last seen, by this process's clock. */
  aliveAt: number;
  isLive: boolean;
}

/** For this long, a Hydra 1.x instance without presence is checked at every tick: it may only be late. */
const LATE_MS = 10_000;
/** Of the entries that are not urgent, this share is checked at a time. */
const SHARE = 6;
const MIN_BATCH = 50;

/**
 * The entries of the nodes hash, and which of them must be checked. A Hydra 1.x instance is checked at every tick,
 * because nothing else announces it. An instance of this library, or one that has been dead for a long time, is checked
 * from time to time, to find out whether its entry can be deleted: a share of them at each few ticks.
 */
export class KnownNodes {
  private readonly entries = new Map<string, KnownNode | undefined>();
  private offset = 0;

  get size(): number {
    return this.entries.size;
  }

  /** The services that had an instance when last looked at. */
  get liveServices(): readonly string[] {
    const services = new Set<string>();
    for (const entry of this.entries.values()) if (entry?.isLive) services.add(entry.service);
    return [...services];
  }

  /** Those of the ids that were never read. */
  unread(ids: readonly string[]): readonly string[] {
    return ids.filter((id) => !this.entries.has(id));
  }

  add(id: string, record: string | null, now: number): void {
    const node = decodeNode(record);
    // A record without a service, or with another id, cannot be checked. It is left to its owner.
    if (!node || node.id !== id || record === null) return void this.entries.set(id, undefined);
    const isOurs = node.capabilities !== undefined;
    this.entries.set(id, { id, service: node.service, record, isOurs, aliveAt: now, isLive: false });
  }

  /** Forgets what the hash does not have any more. */
  keepOnly(ids: readonly string[]): void {
    const kept = new Set(ids);
    for (const id of this.entries.keys()) if (!kept.has(id)) this.entries.delete(id);
  }

  delete(id: string): void {
    this.entries.delete(id);
  }

  clear(): void {
    this.entries.clear();
  }

  /** The entries whose presence must be checked now, and a share of the others where `withOthers` says so. */
  due(now: number, withOthers: boolean): readonly KnownNode[] {
    const urgent: KnownNode[] = [];
    const patient: KnownNode[] = [];
    for (const entry of this.entries.values()) {
      if (entry) (isUrgent(entry, now) ? urgent : patient).push(entry);
    }
    if (!withOthers) return urgent;
    const count = Math.min(patient.length, Math.max(MIN_BATCH, Math.ceil(patient.length / SHARE)));
    for (let step = 0; step < count; step++) urgent.push(patient[(this.offset + step) % patient.length]!);
    this.offset += count;
    return urgent;
  }
}

function isUrgent({ isOurs, isLive, aliveAt }: KnownNode, now: number): boolean {
  return !isOurs && (isLive || now - aliveAt < LATE_MS);
}
