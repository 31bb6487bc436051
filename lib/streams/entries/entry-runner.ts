import { setTimeout as sleep } from 'node:timers/promises';

import { backoffMs } from '../../runtime/backoff.js';
import { systemRandom } from '../../runtime/random-source.js';
import type { Dispatch } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import { encodeDeadLetter } from '../../protocol/dead-letter.js';
import { isFor } from '../../protocol/stream-entry.js';
import { Acknowledger } from './acknowledger.js';
import { Attempt, describeFailure, type Failure, type FailureOf } from './attempt.js';
import type { ConsumerGroup } from '../group/consumer-group.js';
import type { Entry } from './entry.js';
import type { EntryHandler } from './entry-handler.js';
import { TROUBLE, type GroupTrouble } from '../group/group-status.js';
import { Hands } from './in-flight-entries.js';
import { Lane } from './handler-slots.js';

/**
 * Runs the handlers of one group with the entries that are in hand, again where they fail, and says in Redis how each
 * entry ended. An entry is in hand from its arrival until Redis has confirmed its end.
 */
export class EntryRunner {
  private readonly inHand = new Hands();
  private readonly lanes = new Map<string | undefined, Lane>();
  private readonly retries = new Set<NodeJS.Timeout>();
  private readonly acknowledger: Acknowledger;
  private runs = 0;
  private isDraining = false;
  private whenIdle: (() => void) | undefined;

  constructor(
    private readonly group: ConsumerGroup,
    handlers: readonly EntryHandler[],
    private readonly dispatch: Dispatch,
    private readonly trouble: GroupTrouble,
    /** Told whenever there may be room for more. */
    private readonly hasRoom: () => void,
  ) {
    for (const handler of handlers) {
      this.lanes.set(handler.type, new Lane(handler, (lane, entries) => this.run(lane, entries)));
    }
    this.acknowledger = new Acknowledger(
      group,
      (entries, successors, refused) => {
        trouble.isOver('acknowledge');
        this.confirmed(entries, successors, refused);
      },
      (error) => {
        trouble.fails('acknowledge', error);
        trouble.report(error);
      },
    );
  }

  /** How many entries are in hand. */
  get size(): number {
    return this.inHand.size;
  }

  get entries(): Iterable<Entry> {
    return this.inHand;
  }

  /** How many more entries can be begun soon, whichever handler they are for. */
  get room(): number {
    return Math.min(...[...this.lanes.values()].map((lane) => lane.room));
  }

  /** What waits for a retry, or to be acknowledged, has its limit too: a failing handler must not gather the stream. */
  get isFull(): boolean {
    const most = Math.max(...[...this.lanes.values()].map((lane) => lane.room));
    return this.inHand.size > Math.max(1_000, 10 * most);
  }

  /** The line of an entry; '' for none. */
  keyOf(entry: Entry): string {
    try {
      return this.laneOf(entry)?.handler.lineOf?.(entry.data) ?? '';
    } catch (error) {
      this.trouble.warn(
        'orderBy',
        `orderBy of "${entry.stream}" failed for ${entry.id}: ${describeFailure(error)}`,
      );
      return '';
    }
  }

  /** Takes entries in hand; those that are in hand already are left as they are. */
  take(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (!this.inHand.add(entry)) continue;
      const lane = this.laneOf(entry);
      if (this.isDraining) continue;
      if (!lane || !isFor(entry.group, entry.fields)) this.acknowledger.add(entry);
      else this.admit(lane, entry);
    }
  }

  /** Tells the handlers of entries that others have claimed meanwhile: this instance was taken for dead. */
  async loseWhatOthersHave(): Promise<void> {
    const running = [...this.inHand].filter((entry) => entry.running !== undefined);
    const lost = (await this.group.findLost(running)).filter((entry) => entry.running !== undefined);
    if (lost.length === 0) return;
    this.warnOfLost(lost.length);
    for (const entry of lost) {
      entry.isLost = true;
      const what = `entry ${entry.id} of "${entry.stream}" (${entry.group})`;
      entry.running?.lose(entry, new HydraError('LEASE_LOST', `${what} is another consumer's by now`));
    }
  }

  /** Begins nothing more. */
  close(): void {
    this.isDraining = true;
    for (const lane of this.lanes.values()) lane.close();
    for (const timer of this.retries) clearTimeout(timer);
  }

  /** Resolves once no handler runs. */
  handlersEnded(): Promise<void> {
    return new Promise((resolve) => {
      this.whenIdle = resolve;
      if (this.runs === 0) resolve();
    });
  }

  /** Aborts the signals of what still runs. */
  cutOff(reason: HydraError): void {
    for (const { running } of this.inHand) running?.abort(reason);
  }

  /** Resolves once every end is confirmed. */
  acknowledged(): Promise<void> {
    return this.acknowledger.idle();
  }

  private admit(lane: Lane, entry: Entry): void {
    const { attempts } = lane.handler;
    const { deliveries } = entry;
    if (deliveries > attempts) return this.giveUp(entry, 'its consumers were lost while they had it in hand');
    entry.isSuspect = deliveries > 1 || deliveries === attempts;
    lane.enter(entry);
  }

  private laneOf({ type }: Entry): Lane | undefined {
    return this.lanes.get(type) ?? this.lanes.get(undefined);
  }

  private run(lane: Lane, entries: readonly Entry[]): void {
    this.runs++;
    if (entries.some((entry) => this.mustBeNoted(entry))) void this.begin(lane, entries);
    else void new Attempt(this.dispatch, lane.handler, entries).run(this.ended);
  }

  /** Notes attempts that Redis does not count by itself; those it does not grant are forgotten. */
  private async begin(lane: Lane, entries: readonly Entry[]): Promise<void> {
    const granted = await Promise.all(entries.map((entry) => this.note(entry)));
    for (const [index, entry] of entries.entries()) if (!granted[index]) this.inHand.remove(entry);
    const begun = entries.filter((_, index) => granted[index]);
    if (begun.length > 0) void new Attempt(this.dispatch, lane.handler, begun).run(this.ended);
    else this.leave(lane, entries);
  }

  /** What may have been claimed by others must not begin here as well. */
  private mustBeNoted(entry: Entry): boolean {
    return entry.mustBeNoted || !this.group.isSurelyMine(entry);
  }

  private async note(entry: Entry): Promise<boolean> {
    if (!this.mustBeNoted(entry)) return true;
    try {
      return await this.group.begin(entry);
    } catch (error) {
      this.trouble.report(error);
      // Forgotten here, it is found again as an entry that nobody knows of.
      return false;
    }
  }

  private readonly ended = (attempt: Attempt, failureOf: FailureOf | undefined): void => {
    const { entries } = attempt;
    const lane = this.laneOf(entries[0]!)!;
    for (let index = 0; index < entries.length; index++) this.end(lane, entries[index]!, failureOf?.(index));
    this.leave(lane, entries);
  };

  private leave(lane: Lane, entries: readonly Entry[]): void {
    lane.leave(entries);
    this.hasRoom();
    if (--this.runs === 0) this.whenIdle?.();
  }

  private end(lane: Lane, entry: Entry, failure: Failure | undefined): void {
    if (entry.isLost) return this.inHand.remove(entry);
    if (!failure) return this.acknowledger.add(entry);
    if (this.isDraining) return;
    const { attempts, backoff } = lane.handler;
    if (entry.attempt >= attempts) return this.giveUp(entry, describeFailure(failure.reason));
    const timer = setTimeout(
      () => {
        this.retries.delete(timer);
        entry.attempt++;
        lane.enter(entry);
      },
      backoffMs(backoff, entry.attempt, systemRandom),
    );
    this.retries.add(timer);
  }

  private giveUp(entry: Entry, reason: string): void {
    this.bury(entry, reason).catch((error: unknown) => this.trouble.report(error));
  }

  private async bury(entry: Entry, reason: string): Promise<void> {
    const { id: entryId, fields, attempt, deliveries, isBegun, stream } = entry;
    const letter = encodeDeadLetter({ entryId, reason, attempts: isBegun ? attempt : deliveries, fields });
    for (let failures = 1; !this.isDraining; failures++) {
      try {
        const { refused, successors, dropped } = await this.group.bury(entry, letter);
        this.trouble.isOver('bury');
        if (refused === 0)
          this.trouble.warn('dead', `${entryId} of stream "${stream}" became a dead letter: ${reason}`);
        this.warnOfDropped(dropped);
        return this.confirmed([entry], successors, refused);
      } catch (error) {
        this.trouble.fails('bury', error);
        this.trouble.report(error);
        await sleep(backoffMs(TROUBLE, failures, systemRandom));
      }
    }
  }

  private confirmed(entries: readonly Entry[], successors: readonly Entry[], refused: number): void {
    for (const entry of entries) this.inHand.remove(entry);
    if (refused > 0) this.warnOfLost(refused);
    for (const entry of successors) entry.key = this.keyOf(entry);
    this.take(successors);
    this.hasRoom();
  }

  /** Dead letters that nobody looks at are dropped in the end. */
  warnOfDropped(count: number): void {
    if (count === 0) return;
    const { stream, group, deadLetters } = this.group.membership;
    const limit = `streams.deadLetters.count=${deadLetters.count}`;
    this.trouble.warn('dropped', `${count} dead letters of "${stream}" (${group}) were dropped: ${limit}`);
  }

  private warnOfLost(count: number): void {
    const { stream, group } = this.group.membership;
    const line = `${count} entries of "${stream}" (${group}) were claimed by others while they were in hand here`;
    this.trouble.warn('refused', line);
  }
}
