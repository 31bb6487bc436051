import { setTimeout as sleep } from 'node:timers/promises';

import { backoffMs } from '../delivery/backoff.js';
import { RareLog } from '../delivery/rare.log.js';
import type { Dispatch } from '../delivery/source.js';
import { HydraError } from '../hydra.error.js';
import { encodeDeadLetter } from '../protocol/dead-letter.js';
import { isFor } from '../protocol/stream-entry.js';
import { Acknowledger } from './acknowledger.js';
import { Attempt, describeFailure, type Failure, type FailureOf } from './attempt.js';
import type { Claimed, ConsumerGroup } from './consumer.group.js';
import type { Entry } from './entry.js';
import type { EntryHandler } from './entry.handler.js';
import { Hands } from './hands.js';
import { Lane } from './lane.js';
import { LineUp } from './line.up.js';

const BLOCK_MS = 1_000;
const SWEEP_EVERY_MS = 500;
const ADOPT_EVERY_MS = 2_000;
/** Sweeps between two looks for lines that stand still. */
const MEND_EVERY = 4;
/** As many as one read brings without keeping Redis from others for long. */
const MAX_AT_ONCE = 1_000;
const TROUBLE: { readonly minMs: number; readonly maxMs: number } = { minMs: 50, maxMs: 1_000 };
/** Failing for this long, the group counts as not being read. */
const PATIENCE_MS = 5_000;
/** In the whole group: how far the reading goes ahead of entries that wait for an earlier one with their key. */
const MAX_IN_LINE = 1_000;

/**
 * Reads one group of one stream and has its entries handled: at least once each, those of one key one after another.
 *
 * An entry is in hand from its arrival until Redis has confirmed its end. What is in the hands of an instance that is
 * alive nobody else takes; what a dead one leaves is taken by the others.
 */
export class GroupWorker {
  private readonly inHand = new Hands();
  private readonly lanes = new Map<string | undefined, Lane>();
  private readonly retries = new Set<NodeJS.Timeout>();
  private runs = 0;
  private readonly acknowledger: Acknowledger;
  private readonly line: LineUp;
  private readonly log = new RareLog();
  private reading: Promise<void> | undefined;
  private sweeper: NodeJS.Timeout | undefined;
  private isSweeping = false;
  private sweeps = 0;
  private adoptedAt = 0;
  private failingSince: number | undefined;
  private lastFailure = '';
  private isDraining = false;
  private wake: (() => void) | undefined;
  private whenIdle: (() => void) | undefined;

  constructor(
    private readonly group: ConsumerGroup,
    handlers: readonly EntryHandler[],
    private readonly dispatch: Dispatch,
  ) {
    for (const handler of handlers) {
      this.lanes.set(handler.type, new Lane(handler, (lane, entries) => this.run(lane, entries)));
    }
    this.acknowledger = new Acknowledger(
      group,
      (entries, successors, refused) => this.confirmed(entries, successors, refused),
      (error) => this.report(error),
    );
    this.line = new LineUp(
      group,
      (entry) => this.keyOf(entry),
      (entries) => this.take(entries),
      () => this.adopt(),
    );
  }

  /** How many entries are in hand. */
  get size(): number {
    return this.inHand.size;
  }

  /** Why entries do not arrive at present; undefined when they do. */
  get problem(): string | undefined {
    if (this.failingSince === undefined || performance.now() - this.failingSince < PATIENCE_MS)
      return undefined;
    const { stream, group } = this.group.membership;
    return `stream "${stream}" is not read by group "${group}": ${this.lastFailure}`;
  }

  /** Resolves once the group exists and is being read; waits for a Redis that is away. */
  async start(): Promise<void> {
    await this.join();
    this.sweeper = setInterval(() => void this.sweep(), SWEEP_EVERY_MS);
    this.sweeper.unref();
    await this.sweep();
    this.reading = this.readOn();
  }

  /** Begins nothing more, lets what is under way end, and leaves the rest to others. */
  async drain(deadlineAt: number): Promise<void> {
    if (this.isDraining) return;
    this.isDraining = true;
    this.group.stopReading();
    this.wake?.();
    for (const lane of this.lanes.values()) lane.close();
    for (const timer of this.retries) clearTimeout(timer);
    const untilDeadline = sleep(Math.max(0, deadlineAt - performance.now()), undefined, { ref: false });
    await Promise.race([Promise.all([this.handlersEnded(), this.reading]), untilDeadline]);
    const { stream } = this.group.membership;
    const cutOff = new HydraError('DRAINING', `"${stream}" was cut off`);
    for (const { running } of this.inHand) running?.abort(cutOff);
    await Promise.race([this.acknowledger.idle(), untilDeadline]);
    clearInterval(this.sweeper);
    const unbegun = [...this.inHand].filter(({ isBegun, deliveries }) => !isBegun && deliveries === 0);
    // Without Redis nothing can be said; the sign of life ends by itself.
    await this.group.leave([...unbegun, ...this.line.waiting]).catch(() => undefined);
  }

  private async join(): Promise<void> {
    for (let failures = 0; !this.isDraining; failures++) {
      try {
        await this.group.ensure();
        return;
      } catch (error) {
        this.report(error);
        await sleep(backoffMs(TROUBLE, failures + 1));
      }
    }
  }

  private async readOn(): Promise<void> {
    let failures = 0;
    while (!this.isDraining) {
      try {
        const count = await this.room();
        if (performance.now() - this.adoptedAt > ADOPT_EVERY_MS) await this.adopt();
        if (this.isDraining) return;
        await this.accept(await this.group.read(count, BLOCK_MS));
        failures = 0;
        this.failingSince = undefined;
      } catch (error) {
        if (this.isDraining) return;
        await this.recover(error, ++failures);
      }
    }
  }

  private async recover(trouble: unknown, failures: number): Promise<void> {
    this.failingSince ??= performance.now();
    if (isNoGroup(trouble)) await this.rejoin();
    else this.report(trouble);
    await sleep(backoffMs(TROUBLE, failures));
  }

  /** The group is gone: Redis lost its data, or somebody destroyed it. */
  private async rejoin(): Promise<void> {
    try {
      const { stream, group } = this.group.membership;
      if (await this.group.ensure())
        this.log.warn('lost', `group "${group}" of stream "${stream}" was lost; made again`);
    } catch (error) {
      this.report(error);
    }
  }

  /** Waits until something can be begun, and says how much. */
  private async room(): Promise<number> {
    for (;;) {
      const room = this.roomNow();
      if (room > 0 || this.isDraining) return room;
      const isHeldByOthers = this.line.inLine >= MAX_IN_LINE;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        // What others acknowledge is not heard of here.
        if (isHeldByOthers) setTimeout(resolve, TROUBLE.minMs);
      });
      if (isHeldByOthers) this.line.inLine = 0;
      this.wake = undefined;
    }
  }

  private roomNow(): number {
    if (this.line.inLine >= MAX_IN_LINE || this.line.waiting.length > 0) return 0;
    const rooms = [...this.lanes.values()].map((lane) => lane.room);
    const most = Math.max(...rooms);
    // What waits for a retry, or to be acknowledged, has its limit too: a failing handler must not gather the stream.
    if (this.inHand.size > Math.max(1_000, 10 * most)) return 0;
    return Math.min(MAX_AT_ONCE, ...rooms);
  }

  private async accept(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    if (this.group.membership.isOrdered) await this.lineUp(entries);
    else this.take(entries);
  }

  private async claim({ ready, unlined }: Claimed): Promise<void> {
    for (const entry of ready) entry.key = this.keyOf(entry);
    this.take(ready);
    if (unlined.length > 0) await this.lineUp(unlined);
  }

  private async lineUp(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) entry.key = this.keyOf(entry);
    await this.line.join(entries);
  }

  private take(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (!this.inHand.add(entry)) continue;
      const lane = this.laneOf(entry);
      if (this.isDraining) continue;
      if (!lane || !isFor(entry.group, entry.fields)) this.acknowledger.add(entry);
      else this.admit(lane, entry);
    }
  }

  private admit(lane: Lane, entry: Entry): void {
    const { attempts } = lane.handler;
    const { deliveries } = entry;
    if (deliveries > attempts)
      return void this.bury(entry, 'its consumers were lost while they had it in hand');
    entry.isSuspect = deliveries > 1 || deliveries === attempts;
    lane.enter(entry);
  }

  private laneOf({ type }: Entry): Lane | undefined {
    return this.lanes.get(type) ?? this.lanes.get(undefined);
  }

  private keyOf(entry: Entry): string {
    try {
      return this.laneOf(entry)?.handler.lineOf?.(entry.data) ?? '';
    } catch (error) {
      this.log.warn(
        'orderBy',
        `orderBy of "${entry.stream}" failed for ${entry.id}: ${describeFailure(error)}`,
      );
      return '';
    }
  }

  private run(lane: Lane, entries: readonly Entry[]): void {
    this.runs++;
    if (entries.some(mustBeNoted)) void this.begin(lane, entries);
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

  private async note(entry: Entry): Promise<boolean> {
    if (!entry.mustBeNoted) return true;
    try {
      return await this.group.begin(entry);
    } catch (error) {
      this.report(error);
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
    this.wakeSoon();
    if (--this.runs === 0) this.whenIdle?.();
  }

  private end(lane: Lane, entry: Entry, failure: Failure | undefined): void {
    if (!failure) return this.acknowledger.add(entry);
    if (this.isDraining) return;
    const { attempts, backoff } = lane.handler;
    if (entry.attempt >= attempts) return void this.bury(entry, describeFailure(failure.reason));
    const timer = setTimeout(
      () => {
        this.retries.delete(timer);
        entry.attempt++;
        lane.enter(entry);
      },
      backoffMs(backoff, entry.attempt),
    );
    this.retries.add(timer);
  }

  private async bury(entry: Entry, reason: string): Promise<void> {
    const { id: entryId, fields, attempt, deliveries, isBegun, stream } = entry;
    const letter = encodeDeadLetter({ entryId, reason, attempts: isBegun ? attempt : deliveries, fields });
    this.log.warn('dead', `${entryId} of stream "${stream}" became a dead letter: ${reason}`);
    for (let failures = 1; !this.isDraining; failures++) {
      try {
        const successors = await this.group.bury(entry, letter);
        return this.confirmed([entry], successors, 0);
      } catch (error) {
        this.report(error);
        await sleep(backoffMs(TROUBLE, failures));
      }
    }
  }

  private confirmed(entries: readonly Entry[], successors: readonly Entry[], refused: number): void {
    for (const entry of entries) this.inHand.remove(entry);
    if (refused > 0) {
      this.log.warn(
        'refused',
        `${refused} entries of "${entries[0]!.stream}" were claimed by others while they were handled here`,
      );
    }
    for (const entry of successors) entry.key = this.keyOf(entry);
    this.take(successors);
    this.wakeSoon();
  }

  private wakeSoon(): void {
    if (!this.wake) return;
    // After this turn, so that all that ends in it makes room for one larger read.
    setImmediate(this.wake);
    this.wake = undefined;
  }

  private async sweep(): Promise<void> {
    if (this.isSweeping) return;
    this.isSweeping = true;
    try {
      const limit = this.isDraining
        ? 0
        : Math.min(MAX_AT_ONCE, ...[...this.lanes.values()].map((lane) => lane.room));
      void this.claim(await this.group.sweep(limit)).catch((error: unknown) => this.report(error));
      const isDue = this.group.membership.isOrdered && ++this.sweeps % MEND_EVERY === 0;
      if (isDue && limit > 0) void this.claim(await this.group.mendLines(limit));
    } catch (error) {
      if (isNoGroup(error)) await this.rejoin();
      else this.report(error);
    } finally {
      this.isSweeping = false;
    }
  }

  private async adopt(): Promise<void> {
    this.adoptedAt = performance.now();
    const known = new Set([...this.inHand, ...this.line.waiting].map(({ id }) => id));
    const isKnown = (id: string) => known.has(id);
    void this.claim(await this.group.adopt(isKnown)).catch((error: unknown) => this.report(error));
  }

  private handlersEnded(): Promise<void> {
    return new Promise((resolve) => {
      this.whenIdle = resolve;
      if (this.runs === 0) resolve();
    });
  }

  private report(error: unknown): void {
    this.lastFailure = describeFailure(error);
    const { stream, group } = this.group.membership;
    this.log.warn('trouble', `stream "${stream}", group "${group}": ${this.lastFailure}`);
  }
}

const mustBeNoted = (entry: Entry) => entry.mustBeNoted;

function isNoGroup(error: unknown): boolean {
  // UNBLOCKED: the stream went while it was being read.
  return error instanceof Error && /NOGROUP|UNBLOCKED/.test(error.message);
}
