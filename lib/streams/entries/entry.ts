import type { HydraError } from '../../hydra-error.js';
import { decodeEntry, type EntryContent } from '../../protocol/stream-entry.js';
import { HydraEntryContext, type ReceivedEntry } from '../hydra-entry-context.js';

/** One entry in the hands of this instance, from its arrival until Redis has confirmed its end. */
export class Entry implements ReceivedEntry {
  /** Its line; '' when it stands in none. */
  key = '';
  /** The attempt that is under way, or comes next. */
  attempt: number;
  /** Owners were lost while it was in hand: it may be what kills them, and runs alone among its like. */
  isSuspect = false;
  /** Whether an attempt was ever begun here. */
  isBegun = false;
  /** Runs its handler now. */
  running: { abort(reason: HydraError): void; lose(entry: Entry, reason: HydraError): void } | undefined;
  /** Others have claimed it while its handler ran here: how that ends is of no interest. */
  isLost = false;
  /** These belong to {@link Hands}. */
  before: Entry | undefined;
  after: Entry | undefined;
  isInHand = false;
  private content: EntryContent | undefined;

  constructor(
    readonly stream: string,
    readonly group: string,
    readonly id: string,
    readonly fields: readonly string[],
    /** A life of this consumer since whose beginning the entry is known to be its own. */
    public life: string,
    /** How many attempts others may have begun before this instance got it. */
    readonly deliveries = 0,
    /** Which instance has read it; undefined for this one. */
    readonly owner?: string,
  ) {
    this.attempt = deliveries + 1;
  }

  /** Whether Redis must be told before this attempt: it counts the first delivery by itself. */
  get mustBeNoted(): boolean {
    return this.deliveries > 0 || this.attempt > 1;
  }

  /** A context for one attempt: the signal of an earlier one may be aborted. */
  createContext(): HydraEntryContext {
    this.isBegun = true;
    return new HydraEntryContext([this]);
  }

  get data(): unknown {
    return this.decoded.data;
  }

  get type(): string | undefined {
    return this.decoded.type;
  }

  get metadata(): Readonly<Record<string, string>> | undefined {
    return this.decoded.metadata;
  }

  private get decoded(): EntryContent {
    return (this.content ??= decodeEntry(this.fields, (base64) => Buffer.from(base64, 'base64')));
  }
}
