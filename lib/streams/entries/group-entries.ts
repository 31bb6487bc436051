import { HydraError } from '../../hydra-error.js';
import type { Context } from '../../redis/context.js';
import type { Claimed, Ended } from '../group/consumer-config.js';
import { RETRY } from '../group/group-status.js';
import { Acknowledger, type AcknowledgerListener } from './acknowledger.js';
import { DeadLetterWriter } from './dead-letter-writer.js';
import type { Entry } from './entry.js';
import { EntryRunner, type RunListener, type RunnerOptions } from './entry-runner.js';
import { FlowControl } from './flow-control.js';
import { InFlightEntries } from './in-flight-entries.js';
import { KeyOrdering, type KeyOrderingListener } from './key-ordering.js';

/** As many as one read brings without keeping Redis from others for long. */
const MAX_READ = 1_000;
/** In the whole group: how far the reading runs ahead of entries that wait for an earlier one with their key. */
const MAX_QUEUED_BY_KEY = 1_000;
/** Entries in flight, also those that wait for a retry: a failing handler must not gather the stream. */
const MIN_IN_FLIGHT_LIMIT = 1_000;
const RECOVER_EVERY_MS = 2_000;

/**
 * The entries of one group that this instance has in progress, and their order: from their arrival until Redis has confirmed
 * how each ended.
 */
export class GroupEntries implements KeyOrderingListener, AcknowledgerListener, RunListener {
  private readonly inFlight = new InFlightEntries();
  private readonly flow: FlowControl;
  private readonly ordering: KeyOrdering;
  private readonly runner: EntryRunner;
  private readonly acknowledger: Acknowledger;
  private readonly deadLetters: DeadLetterWriter;
  private recoveredAt = -Infinity;
  private isClosed = false;

  constructor(
    private readonly context: Pick<Context, 'clock' | 'random'>,
    private readonly options: RunnerOptions,
  ) {
    const { clock } = context;
    const { group, status } = options;
    this.flow = new FlowControl(clock);
    this.ordering = new KeyOrdering(clock, group, this);
    this.runner = new EntryRunner(context, options, this);
    this.acknowledger = new Acknowledger(clock, group, this);
    this.deadLetters = new DeadLetterWriter(context, group, status);
  }

  /** How many are in flight. */
  get size(): number {
    return this.inFlight.size;
  }

  /** How many entries may be read now. */
  get capacity(): number {
    const { queuedByKey, unplaced } = this.ordering;
    if (queuedByKey >= MAX_QUEUED_BY_KEY || unplaced.length > 0 || this.isFull) return 0;
    return Math.min(MAX_READ, this.runner.capacity, MAX_QUEUED_BY_KEY - queuedByKey);
  }

  /** How many entries of consumers that are gone may be claimed now. */
  get claimCapacity(): number {
    return this.isClosed ? 0 : Math.min(MAX_READ, this.runner.capacity);
  }

  /** Resolves when there may be capacity for more. */
  async capacityMayBeFreed(): Promise<void> {
    const isHeldByOthers = this.ordering.queuedByKey >= MAX_QUEUED_BY_KEY;
    // What others acknowledge is not heard of here: after a while one entry is read, and with it comes how many are queued.
    await this.flow.wait(isHeldByOthers ? RETRY.minMs : undefined);
    if (isHeldByOthers) this.ordering.assumeProgress(MAX_QUEUED_BY_KEY);
  }

  /** Takes what was read. */
  async accept(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    if (this.options.group.config.isOrdered) await this.order(entries);
    else this.ordered(entries);
  }

  /** Takes over what was claimed. */
  takeOver(claimed: Claimed): void {
    this.takeOverAll(claimed).catch((error: unknown) => this.options.status.report(error));
  }

  /** Orders again what an answer that never came has left without a place: nobody else would, and nothing is read meanwhile. */
  async resumeOrdering(): Promise<void> {
    if (!this.isClosed && this.ordering.unplaced.length > 0) await this.order([]);
  }

  /** Before anything is ordered: what Redis knew of the order may have lapsed while nobody read. */
  async restoreOrder({ onlyIfLost }: { readonly onlyIfLost: boolean }): Promise<void> {
    const { group } = this.options;
    if (group.config.isOrdered) await group.restoreOrder((entry) => this.keyOf(entry), onlyIfLost);
  }

  /** Looks now and then for entries that Redis holds for this instance and that never arrived here. */
  async recoverWhenDue(): Promise<void> {
    if (this.context.clock.monotonic() - this.recoveredAt > RECOVER_EVERY_MS) await this.recoverUndelivered();
  }

  async recoverUndelivered(): Promise<void> {
    this.recoveredAt = this.context.clock.monotonic();
    const known = new Set([...this.inFlight, ...this.ordering.unplaced].map(({ id }) => id));
    this.takeOver(await this.options.group.recoverUndelivered((id) => known.has(id)));
  }

  /** Tells the handlers of entries that others have claimed: this instance was taken for dead. */
  async loseWhatOthersHave(): Promise<void> {
    const running = [...this.inFlight].filter(({ state }) => state === 'running');
    const lost = (await this.options.group.findLost(running)).filter(({ state }) => state === 'running');
    if (lost.length === 0) return;
    this.warnOfLost(lost.length);
    for (const entry of lost) {
      const what = `entry ${entry.id} of "${entry.stream}" (${entry.group})`;
      entry.lose(new HydraError('LEASE_LOST', `${what} belongs to another consumer`));
    }
  }

  /** Older dead letters made room for newer ones. */
  warnOfDropped(count: number): void {
    this.deadLetters.warnOfDropped(count);
  }

  /** Begins nothing more. */
  close(): void {
    this.isClosed = true;
    this.flow.close();
    this.runner.close();
    this.deadLetters.close();
  }

  /** Resolves once no handler runs. */
  handlersEnded(): Promise<void> {
    return this.runner.idle();
  }

  /** Aborts the signals of what still runs. */
  abort(reason: HydraError): void {
    for (const entry of [...this.inFlight]) entry.abort(reason);
  }

  /** Resolves once every end is confirmed. */
  allAcknowledged(): Promise<void> {
    return this.acknowledger.idle();
  }

  /** Entries that others may have as if they had never been delivered. */
  get unbegun(): readonly Entry[] {
    return [...[...this.inFlight].filter(isUnbegun), ...this.ordering.unplaced];
  }

  keyOf(entry: Entry): string {
    return this.runner.keyOf(entry);
  }

  /** Takes entries whose place has come; those that are in flight already stay as they are. */
  ordered(entries: readonly Entry[]): void {
    for (const entry of entries) if (this.inFlight.add(entry) && !this.isClosed) this.runner.run(entry);
  }

  handled(entry: Entry): void {
    this.acknowledger.add(entry);
  }

  givenUp(entry: Entry, reason: string): void {
    this.deadLetters
      .write(entry, reason)
      .then((outcome) => outcome && this.confirmed([entry], outcome))
      .catch((error: unknown) => this.options.status.report(error));
  }

  forgotten(entry: Entry): void {
    entry.leave();
    this.inFlight.remove(entry);
  }

  capacityFreed(): void {
    this.flow.notify();
  }

  acknowledged(entries: readonly Entry[], outcome: Ended): void {
    this.options.status.clear('acknowledge');
    this.confirmed(entries, outcome);
  }

  acknowledgeFailed(error: unknown): void {
    this.options.status.recordFailure('acknowledge', error);
    this.options.status.report(error);
  }

  /** What waits for a retry, or to be acknowledged, has its limit too. */
  private get isFull(): boolean {
    return this.inFlight.size > Math.max(MIN_IN_FLIGHT_LIMIT, 10 * this.runner.maxCapacity);
  }

  private async takeOverAll({ ready, unordered }: Claimed): Promise<void> {
    for (const entry of ready) entry.orderBy(this.keyOf(entry));
    this.ordered(ready);
    if (unordered.length > 0) await this.order(unordered);
  }

  private async order(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) entry.orderBy(this.keyOf(entry));
    await this.ordering.place(entries);
    // With what had no place out of the way there may be capacity, also when none is the first of its key.
    this.flow.notify();
  }

  private confirmed(entries: readonly Entry[], { refused, successors }: Ended): void {
    for (const entry of entries) this.forgotten(entry);
    if (refused > 0) this.warnOfLost(refused);
    for (const entry of successors) entry.orderBy(this.keyOf(entry));
    this.ordered(successors);
    this.flow.notify();
  }

  private warnOfLost(count: number): void {
    const { stream, group } = this.options.group.config;
    const line = `${count} entries of "${stream}" (${group}) were claimed by others while they were in flight here`;
    this.options.status.warn('refused', line);
  }
}

function isUnbegun({ isBegun, deliveries }: Entry): boolean {
  return !isBegun && deliveries === 0;
}
