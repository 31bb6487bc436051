import type { Dispatch } from '../../delivery/source.js';
import { isFor } from '../../protocol/stream-entry.js';
import type { Context } from '../../redis/context.js';
import { backoffMs } from '../../runtime/backoff.js';
import type { Timer } from '../../runtime/clock.js';
import type { ConsumerGroup } from '../group/consumer-group.js';
import type { GroupStatus } from '../group/group-status.js';
import { Attempt, type AttemptParts, type Failure, type FailureOf } from './attempt.js';
import type { Entry } from './entry.js';
import type { EntryHandler } from './entry-handler.js';
import { describeFailure } from './failure-text.js';
import { HandlerSlots, type SlotListener } from './handler-slots.js';

/** Is told the results of entries. */
export interface RunListener {
  handled(entry: Entry): void;
  /** No further attempt would do. */
  givenUp(entry: Entry, reason: string): void;
  /** The entry is not this consumer's, or Redis did not grant the attempt. */
  forgotten(entry: Entry): void;
  /** A run has ended. */
  capacityFreed(): void;
}

export interface RunnerOptions {
  readonly group: ConsumerGroup;
  readonly handlers: readonly EntryHandler[];
  readonly dispatch: Dispatch;
  readonly status: GroupStatus;
}

/** Runs the handlers of one group, and retries failed entries. A retry is decided in {@link EntryRunner.ended}. */
export class EntryRunner implements SlotListener {
  private readonly slots = new Map<string | undefined, HandlerSlots>();
  private readonly retries = new Set<Timer>();
  private readonly attempts: AttemptParts;
  private runs = 0;
  private isClosed = false;
  private whenIdle: (() => void) | undefined;

  constructor(
    private readonly context: Pick<Context, 'clock' | 'random'>,
    private readonly options: RunnerOptions,
    private readonly listener: RunListener,
  ) {
    const { clock } = context;
    this.attempts = { clock, dispatch: options.dispatch };
    for (const handler of options.handlers) {
      this.slots.set(handler.type, new HandlerSlots(handler, clock, this));
    }
  }

  /** How many more entries can be begun soon, whichever handler they are for. */
  get capacity(): number {
    return Math.min(...[...this.slots.values()].map((slots) => slots.capacity));
  }

  /** How many more entries the handler with the most free slots can begin soon. */
  get maxCapacity(): number {
    return Math.max(...[...this.slots.values()].map((slots) => slots.capacity));
  }

  /** The ordering key of an entry; '' for none. */
  keyOf(entry: Entry): string {
    try {
      return this.slotsOf(entry)?.handler.keyOf?.(entry.data) ?? '';
    } catch (error) {
      const text = `orderBy of "${entry.stream}" failed for ${entry.id}: ${describeFailure(error)}`;
      this.options.status.warn('orderBy', text);
      return '';
    }
  }

  /** Runs the entry as soon as its handler has a slot. An entry without a handler counts as handled. */
  run(entry: Entry): void {
    const slots = this.slotsOf(entry);
    if (!slots || !isFor(entry.group, entry.fields)) return this.listener.handled(entry);
    const { deliveries } = entry;
    const { attempts } = slots.handler;
    if (deliveries > attempts)
      return this.listener.givenUp(entry, 'its consumers were lost while they had it');
    entry.admit(deliveries > 1 || deliveries === attempts);
    slots.enter(entry);
  }

  slotsTaken(slots: HandlerSlots, entries: readonly Entry[]): void {
    this.runs++;
    if (entries.some((entry) => this.mustBeCounted(entry))) void this.beginCounted(slots, entries);
    else void new Attempt(this.attempts, slots.handler, entries).run(this.ended);
  }

  /** Begins nothing more. */
  close(): void {
    this.isClosed = true;
    for (const slots of this.slots.values()) slots.close();
    for (const timer of this.retries) this.context.clock.clear(timer);
  }

  /** Resolves once no handler runs. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.whenIdle = resolve;
      if (this.runs === 0) resolve();
    });
  }

  private slotsOf({ type }: Entry): HandlerSlots | undefined {
    return this.slots.get(type) ?? this.slots.get(undefined);
  }

  /** Records attempts in Redis that Redis does not count itself. An entry is forgotten when Redis refuses the attempt. */
  private async beginCounted(slots: HandlerSlots, entries: readonly Entry[]): Promise<void> {
    const granted = await Promise.all(entries.map((entry) => this.isGranted(entry)));
    for (const [index, entry] of entries.entries()) if (!granted[index]) this.listener.forgotten(entry);
    const begun = entries.filter((_, index) => granted[index]);
    if (begun.length > 0) void new Attempt(this.attempts, slots.handler, begun).run(this.ended);
    else this.leave(slots, entries);
  }

  /** An entry that others may have claimed must not begin here too. */
  private mustBeCounted(entry: Entry): boolean {
    return entry.mustBeCounted || !this.options.group.isSurelyMine(entry);
  }

  private async isGranted(entry: Entry): Promise<boolean> {
    if (!this.mustBeCounted(entry)) return true;
    const { group, status } = this.options;
    try {
      return await group.beginAttempt(entry);
    } catch (error) {
      status.report(error);
      // After it is forgotten here, it is found again as an unknown pending entry.
      return false;
    }
  }

  private readonly ended = (attempt: Attempt, failureOf: FailureOf | undefined): void => {
    const { entries } = attempt;
    const slots = this.slotsOf(entries[0]!)!;
    for (let index = 0; index < entries.length; index++) {
      this.end(slots, entries[index]!, failureOf?.(index));
    }
    this.leave(slots, entries);
  };

  private leave(slots: HandlerSlots, entries: readonly Entry[]): void {
    slots.leave(entries);
    this.listener.capacityFreed();
    if (--this.runs === 0) this.whenIdle?.();
  }

  private end(slots: HandlerSlots, entry: Entry, failure: Failure | undefined): void {
    if (entry.state === 'lost') return this.listener.forgotten(entry);
    if (!failure) return this.listener.handled(entry);
    if (this.isClosed) return;
    const { attempts, backoff } = slots.handler;
    if (entry.attempt >= attempts) return this.listener.givenUp(entry, describeFailure(failure.reason));
    const { clock, random } = this.context;
    const waitMs = backoffMs(backoff, entry.attempt, random);
    entry.retry();
    const timer = clock.setTimeout(() => {
      this.retries.delete(timer);
      slots.enter(entry);
    }, waitMs);
    this.retries.add(timer);
  }
}
