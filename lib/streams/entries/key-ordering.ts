import { compareIds } from '../../protocol/stream-id.js';
import type { Clock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/waiting.js';
import { Placement } from '../group/consumer-config.js';
import type { ConsumerGroup } from '../group/consumer-group.js';
import type { Entry } from './entry.js';

const MIN_WAIT_MS = 2;
const MAX_WAIT_MS = 100;
/** How many entries one script orders without blocking Redis for long. */
const BATCH_SIZE = 200;
/** The same in a group of many consumers: the script asks what each of them has. */
const SMALL_BATCH_SIZE = 100;
const MANY_CONSUMERS = 100;

/** What the ordering needs from its owner, and tells it. */
export interface KeyOrderingListener {
  /** The ordering key of an entry; '' for none. */
  keyOf(entry: Entry): string;
  /** These are the first of their keys. */
  ordered(entries: readonly Entry[]): void;
  /** Searches for entries of this instance that it does not know: they may be earlier ones. */
  recoverUndelivered(): Promise<void>;
}

/**
 * Finds out which entries are the first of their keys. The others wait in Redis, and belong to no instance. An entry
 * waits here only until the keys of all that were read before it are known: where another reader has not told one, this
 * instance does.
 */
export class KeyOrdering {
  private queued = 0;
  private consumers = 0;
  private entries: Entry[] = [];
  private asked: readonly Entry[] = [];
  /** Entries whose place must be asked again. */
  private again: Entry[] = [];
  private working: Promise<void> | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly group: Pick<ConsumerGroup, 'enqueueByKey'>,
    private readonly listener: KeyOrderingListener,
  ) {}

  /** How many entries of the whole group waited in Redis for earlier ones of their keys, at the last answer. */
  get queuedByKey(): number {
    return this.queued;
  }

  /** Entries whose place is not known yet. */
  get unplaced(): readonly Entry[] {
    return [...this.asked, ...this.again, ...this.entries];
  }

  /** Assumes that other instances have made progress, at least to below this limit, because this instance is not told. */
  assumeProgress(limit: number): void {
    this.queued = Math.min(this.queued, limit - 1);
  }

  /** Resolves when each entry is the first of its key, or waits in Redis. */
  place(entries: readonly Entry[]): Promise<void> {
    const known = new Set(this.unplaced.map(({ id }) => id));
    this.entries.push(...entries.filter(({ id }) => !known.has(id)));
    this.working ??= this.work().finally(() => (this.working = undefined));
    return this.working;
  }

  private get batchSize(): number {
    return this.consumers > MANY_CONSUMERS ? SMALL_BATCH_SIZE : BATCH_SIZE;
  }

  private async work(): Promise<void> {
    for (let waitMs = MIN_WAIT_MS; this.entries.length > 0; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      // Usually the other reader tells its keys very soon.
      await this.askForAll(waitMs > MIN_WAIT_MS);
      if (this.entries.length === 0) return;
      if (waitMs === MAX_WAIT_MS) await this.listener.recoverUndelivered();
      await sleep(this.clock, waitMs);
    }
  }

  private async askForAll(forOthersToo: boolean): Promise<void> {
    this.entries.sort((a, b) => compareIds(a.id, b.id));
    try {
      while (this.entries.length > 0) await this.askFor(this.entries.splice(0, this.batchSize), forOthersToo);
    } finally {
      this.entries.push(...this.again.splice(0));
    }
  }

  private async askFor(entries: readonly Entry[], forOthersToo: boolean): Promise<void> {
    this.asked = entries;
    try {
      const others = await this.tellKeys(entries, forOthersToo);
      if (others.length > 0) await this.tellAll([...this.asked, ...others]);
    } finally {
      this.again.push(...this.asked);
      this.asked = [];
    }
  }

  /** The earlier ones first, since they decide where the later ones stand; as many at once as do not block Redis for long. */
  private async tellAll(given: readonly Entry[]): Promise<void> {
    const entries = given.toSorted((a, b) => compareIds(a.id, b.id));
    const { batchSize } = this;
    for (let from = 0; from < entries.length; from += batchSize)
      await this.tellKeys(entries.slice(from, from + batchSize), false);
  }

  /**
   * Tells keys to Redis. Entries that get a place are not asked for any more. Returns the entries whose keys must be told too.
   *
   * @param entries in the order of their ids
   */
  private async tellKeys(entries: readonly Entry[], withOthers: boolean): Promise<readonly Entry[]> {
    const { placements, queuedByKey, others, consumers } = await this.group.enqueueByKey(entries, withOthers);
    this.queued = queuedByKey;
    this.consumers = consumers;
    for (const other of others) other.orderBy(this.listener.keyOf(other));
    const placed = new Set(entries.filter((_, at) => placements[at] !== Placement.askAgain));
    this.asked = this.asked.filter((entry) => !placed.has(entry));
    this.listener.ordered(
      entries.filter((entry, at) => placements[at] === Placement.first && entry.owner === undefined),
    );
    return others;
  }
}
