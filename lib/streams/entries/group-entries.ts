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

/** How many entries one read brings without blocking Redis for long. */
const MAX_READ = 1_000;
/** The limit for entries of the whole group that wait for an earlier one of their key. */
const MAX_QUEUED_BY_KEY = 1_000;
/**
 * The limit for entries in flight, including those that wait for a retry: a failing handler must not collect the whole
 * stream.
 */
const MIN_IN_FLIGHT_LIMIT = 1_000;
const RECOVER_EVERY_MS = 2_000;

/**
 * The entries of one group that are in flight at this instance, and their order: from their arrival until Redis has
 * confirmed their end.
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
    // This instance is not told what others acknowledge. So after a while it reads one entry, and the answer says how
    // many are queued.
    await this.flow.wait(isHeldByOthers ? RETRY.minMs : undefined);
    if (isHeldByOthers) this.ordering.assumeProgress(MAX_QUEUED_BY_KEY);
  }

  /** Takes entries that were read. */
  async accept(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    if (this.options.group.config.isOrdered) await this.order(entries);
    else this.ordered(entries);
  }

  /** Takes entries that were claimed. */
  takeOver(claimed: Claimed): void {
    this.takeOverAll(claimed).catch((error: unknown) => this.options.status.report(error));
  }

  /**
   * Orders entries again that have no place because an answer was lost. Nobody else would do this, and nothing is read
   * meanwhile.
   */
  async resumeOrdering(): Promise<void> {
    if (!this.isClosed && this.ordering.unplaced.length > 0) await this.order([]);
  }

  /** Before anything is ordered: the order in Redis may have expired while nobody read. */
  async restoreOrder({ onlyIfLost }: { readonly onlyIfLost: boolean }): Promise<void> {
    const { group } = this.options;
    if (group.config.isOrdered) await group.restoreOrder((entry) => this.keyOf(entry), onlyIfLost);
  }

  /** Searches from time to time for entries that Redis has assigned to this instance and that never arrived here. */
  async recoverWhenDue(): Promise<void> {
    if (this.context.clock.monotonic() - this.recoveredAt > RECOVER_EVERY_MS) await this.recoverUndelivered();
  }

  async recoverUndelivered(): Promise<void> {
    this.recoveredAt = this.context.clock.monotonic();
    const known = new Set([...this.inFlight, ...this.ordering.unplaced].map(({ id }) => id));
    this.takeOver(await this.options.group.recoverUndelivered((id) => known.has(id)));
  }

  /** Aborts the handlers of entries that others have claimed, because this instance counted as dead. */
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

  /** Older dead letters were dropped for newer ones. */
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

  /** Entries that other consumers may get as if they had never been delivered. */
  get unbegun(): readonly Entry[] {
    return [...[...this.inFlight].filter(isUnbegun), ...this.ordering.unplaced];
  }

  keyOf(entry: Entry): string {
    return this.runner.keyOf(entry);
  }

  /** Takes entries that are the first of their keys. Entries that are in flight already do not change. */
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

  /** Entries that wait for a retry or an acknowledgement have a limit too. */
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
    // Entries without a place were handled, so there may be capacity, also when none is the first of its key.
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
