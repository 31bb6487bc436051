import type { HydraError } from '../../hydra-error.js';
import { decodeEntry, type EntryContent } from '../../protocol/stream-entry.js';
import { HydraEntryContext, type ReceivedEntry } from '../hydra-entry-context.js';

/**
 * The life of an entry at this instance:
 *
 *     arrived ──► waiting ──► running ──► ended ──► gone
 *                    ▲        │    │                 ▲
 *                    └─ retry ┘    └──► lost ────────┘
 *
 * - `arrived`: its place among the entries with its key is not known yet
 * - `waiting`: for a handler slot, for more of its batch, or for the time of a retry
 * - `running`: its handler runs
 * - `lost`: its handler runs, and another consumer has claimed the entry; the outcome is ignored
 * - `ended`: it was handled or given up, and Redis has not confirmed that yet
 * - `gone`: this instance has nothing to do with it any more
 *
 * From every state an entry may go to `gone`: Redis has said that it belongs to another consumer.
 */
export type EntryState = 'arrived' | 'waiting' | 'running' | 'lost' | 'ended' | 'gone';

/** A run of a handler. It can be told that its outcome is not wanted. */
export interface EntryRun {
  abort(reason: HydraError): void;
  lose(entry: Entry, reason: HydraError): void;
}

/** The origin of an entry: the same for all entries that arrive together. */
export interface EntryOrigin {
  /** The incarnation of this consumer since whose beginning the entry is known to be its own. */
  readonly incarnation: string;
  /** How many attempts other consumers may have begun before. */
  readonly deliveries: number;
  /** Which instance has read it; undefined for this one. */
  readonly owner?: string;
}

/** One entry at this instance. */
export class Entry implements ReceivedEntry {
  private current: EntryState = 'arrived';
  private orderingKey = '';
  private attemptNumber: number;
  private hasBegun = false;
  private mustRunAlone = false;
  private run: EntryRun | undefined;
  private ownedSince: string;
  private content: EntryContent | undefined;
  private index = -1;

  constructor(
    private readonly source: { readonly stream: string; readonly group: string },
    readonly id: string,
    readonly fields: readonly string[],
    private readonly origin: EntryOrigin,
  ) {
    this.attemptNumber = origin.deliveries + 1;
    this.ownedSince = origin.incarnation;
  }

  get state(): EntryState {
    return this.current;
  }

  get stream(): string {
    return this.source.stream;
  }

  get group(): string {
    return this.source.group;
  }

  /** Its ordering key; '' where it is not ordered. */
  get key(): string {
    return this.orderingKey;
  }

  /** The attempt that is under way, or comes next. */
  get attempt(): number {
    return this.attemptNumber;
  }

  get deliveries(): number {
    return this.origin.deliveries;
  }

  get owner(): string | undefined {
    return this.origin.owner;
  }

  /** The incarnation of this consumer since whose beginning the entry is known to be its own. */
  get incarnation(): string {
    return this.ownedSince;
  }

  /** Whether an attempt was ever begun here. */
  get isBegun(): boolean {
    return this.hasBegun;
  }

  /**
   * Whether its owners died with it more than once: it may be the cause, so only one such entry of a handler runs at a
   * time.
   */
  get isSuspect(): boolean {
    return this.mustRunAlone;
  }

  /** Whether this attempt must be recorded in Redis first. Redis counts the first delivery itself. */
  get mustBeCounted(): boolean {
    return this.origin.deliveries > 0 || this.attemptNumber > 1;
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

  /** Where {@link InFlightEntries} holds it; -1 for nowhere. */
  get position(): number {
    return this.index;
  }

  heldAt(position: number): void {
    this.index = position;
  }

  orderBy(key: string): void {
    this.orderingKey = key;
  }

  /** It is the first of its key, and may run. */
  admit(isSuspect: boolean): void {
    this.mustRunAlone = isSuspect;
    this.current = 'waiting';
  }

  /** An attempt begins. Its context is its own: the signal of an earlier attempt may be aborted. */
  begin(run: EntryRun): HydraEntryContext {
    this.hasBegun = true;
    this.run = run;
    this.current = 'running';
    return new HydraEntryContext([this]);
  }

  /** The attempt is over. */
  stopped(): void {
    this.run = undefined;
  }

  /** It will be tried again. */
  retry(): void {
    this.attemptNumber++;
    this.current = 'waiting';
  }

  /** It was handled, or failed permanently. */
  end(): void {
    this.current = 'ended';
  }

  /** This instance has nothing to do with it any more. */
  leave(): void {
    this.current = 'gone';
  }

  /** Another consumer has claimed it while its handler runs here. */
  lose(reason: HydraError): void {
    if (this.current !== 'running') return;
    this.current = 'lost';
    this.run?.lose(this, reason);
  }

  /** The outcome of its handler is not wanted any more. */
  abort(reason: HydraError): void {
    this.run?.abort(reason);
  }

  /** It belonged to this consumer when that incarnation began. */
  ownedIn(incarnation: string): void {
    this.ownedSince = incarnation;
  }

  private get decoded(): EntryContent {
    return (this.content ??= decodeEntry(this.fields, (base64) => Buffer.from(base64, 'base64')));
  }
}
