import { setTimeout as sleep } from 'node:timers/promises';

import type { Dispatch } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import type { ConsumerGroup } from './consumer-group.js';
import type { Entry } from '../entries/entry.js';
import type { EntryHandler } from '../entries/entry-handler.js';
import { EntryRunner } from '../entries/entry-runner.js';
import { GroupReader } from './group-reader.js';
import { GroupTrouble, isNoGroup } from './group-status.js';
import { LineUp } from '../entries/key-ordering.js';
import type { Claimed } from './consumer-config.js';

const SWEEP_EVERY_MS = 500;
/** A sign of life is renewed so often in its life that an instance that is alive never counts as dead. */
const SWEEPS_A_LIFE = 3;
/** What is left over when an instance took as much as it had room for is looked for soon. */
const SWEEP_AGAIN_MS = 20;
const TIDY_EVERY_MS = 10_000;
const ADOPT_EVERY_MS = 2_000;
/** Sweeps between two looks for lines that stand still. */
const MEND_EVERY = 4;
/** As many as one read brings without keeping Redis from others for long. */
const MAX_AT_ONCE = 1_000;
/** In the whole group: how far the reading goes ahead of entries that wait for an earlier one with their key. */
const MAX_IN_LINE = 1_000;

/**
 * Reads one group of one stream and has its entries handled: at least once each, those of one key one after another.
 *
 * What is in the hands of an instance that is alive nobody else takes; what a dead one leaves is taken by the others.
 */
export class GroupWorker {
  private readonly trouble: GroupTrouble;
  private readonly runner: EntryRunner;
  private readonly line: LineUp;
  private readonly reader: GroupReader;
  private reading: Promise<void> | undefined;
  private sweeper: NodeJS.Timeout | undefined;
  private isSweeping = false;
  private sweeps = 0;
  private adoptedAt = 0;
  private tidiedAt = -Infinity;
  private lost = 0;
  private isDraining = false;

  constructor(
    private readonly group: ConsumerGroup,
    handlers: readonly EntryHandler[],
    dispatch: Dispatch,
  ) {
    this.trouble = new GroupTrouble(group.membership);
    this.runner = new EntryRunner(group, handlers, dispatch, this.trouble, () => this.reader.wakeSoon());
    this.line = new LineUp(
      group,
      (entry) => this.runner.keyOf(entry),
      (entries) => this.runner.take(entries),
      () => this.adopt(),
    );
    this.reader = new GroupReader(group, this.trouble, {
      roomNow: () => this.roomNow(),
      isHeldByOthers: () => this.line.inLine >= MAX_IN_LINE,
      // One entry is read, and with it comes how many stand in line now.
      forgetOthers: () => void (this.line.inLine = Math.min(this.line.inLine, MAX_IN_LINE - 1)),
      beforeRead: () => this.adoptWhenDue(),
      accept: (entries) => this.accept(entries),
    });
  }

  /** How many entries are in hand. */
  get size(): number {
    return this.runner.size;
  }

  /** Why entries do not arrive at present; undefined when they do. */
  get problem(): string | undefined {
    return this.trouble.problem;
  }

  /** How many entries were trimmed away before the group had read them, as far as this instance saw it. */
  get lostToTrim(): number {
    return this.lost;
  }

  /**
   * Resolves once the group exists and is being read; waits for a Redis that is away.
   *
   * @throws what Redis refuses for good
   */
  async start(): Promise<void> {
    await this.reader.join();
    // It was closed while it waited for Redis.
    if (this.isDraining) return;
    const everyMs = Math.min(SWEEP_EVERY_MS, this.group.membership.ttlMs / SWEEPS_A_LIFE);
    this.sweeper = setInterval(() => void this.sweep(), everyMs);
    this.sweeper.unref();
    await this.sweep();
    this.reading = this.reader.run();
  }

  /** Begins nothing more, lets what is under way end, and leaves the rest to others. */
  async drain(deadlineAt: number): Promise<void> {
    if (this.isDraining) return;
    this.isDraining = true;
    this.reader.close();
    this.runner.close();
    const untilDeadline = sleep(Math.max(0, deadlineAt - performance.now()), undefined, { ref: false });
    await Promise.race([Promise.all([this.runner.handlersEnded(), this.reading]), untilDeadline]);
    const { stream } = this.group.membership;
    this.runner.cutOff(new HydraError('DRAINING', `"${stream}" was cut off`, { mayHaveRun: true }));
    await Promise.race([this.runner.acknowledged(), untilDeadline]);
    clearInterval(this.sweeper);
    const unbegun = [...this.runner.entries].filter(
      ({ isBegun, deliveries }) => !isBegun && deliveries === 0,
    );
    // Without Redis nothing can be said; the sign of life ends by itself.
    await this.group.leave([...unbegun, ...this.line.waiting]).catch(() => undefined);
  }

  private roomNow(): number {
    if (this.line.inLine >= MAX_IN_LINE || this.line.waiting.length > 0 || this.runner.isFull) return 0;
    return Math.min(MAX_AT_ONCE, this.runner.room, MAX_IN_LINE - this.line.inLine);
  }

  private async accept(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    if (this.group.membership.isOrdered) await this.lineUp(entries);
    else this.runner.take(entries);
  }

  private claimSoon(claimed: Claimed): void {
    this.claim(claimed).catch((error: unknown) => this.trouble.report(error));
  }

  private async claim({ ready, unlined }: Claimed): Promise<void> {
    for (const entry of ready) entry.key = this.runner.keyOf(entry);
    this.runner.take(ready);
    if (unlined.length > 0) await this.lineUp(unlined);
  }

  private async lineUp(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) entry.key = this.runner.keyOf(entry);
    await this.line.join(entries);
    // With what waited out of the way there may be room, also when nobody's turn has come.
    this.reader.wakeSoon();
  }

  /** Lines up again what an answer that never came has left waiting: nobody else would, and nothing is read meanwhile. */
  private async goOn(): Promise<void> {
    if (this.isDraining || this.line.waiting.length === 0) return;
    try {
      await this.lineUp([]);
    } catch (error) {
      // A lost group is made again by the sweep.
      if (!isNoGroup(error)) this.trouble.report(error);
    }
  }

  private async sweep(): Promise<void> {
    if (this.isSweeping) return;
    this.isSweeping = true;
    try {
      const limit = this.isDraining ? 0 : Math.min(MAX_AT_ONCE, this.runner.room);
      const { isCutShort, lostToTrim, ...claimed } = await this.group.sweep(limit);
      this.trouble.isOver('claim');
      this.claimSoon(claimed);
      this.warnOfTrim(lostToTrim);
      if (isCutShort) setTimeout(() => void this.sweep(), SWEEP_AGAIN_MS).unref();
      await this.runner.loseWhatOthersHave();
      const isDue = this.group.membership.isOrdered && ++this.sweeps % MEND_EVERY === 0;
      if (isDue && limit > 0) this.claimSoon(await this.group.mendLines(limit));
      await this.tidyWhenDue();
    } catch (error) {
      if (isNoGroup(error)) await this.reader.rejoin();
      else this.troubled(error);
    } finally {
      this.isSweeping = false;
    }
    void this.goOn();
  }

  private troubled(error: unknown): void {
    this.trouble.fails('claim', error);
    this.trouble.report(error);
  }

  private warnOfTrim(count: number): void {
    if (count === 0) return;
    this.lost += count;
    const { stream, group } = this.group.membership;
    const line = `${count} entries of stream "${stream}" were trimmed away before group "${group}" had read them`;
    this.trouble.warn('trimmed', line);
  }

  private async tidyWhenDue(): Promise<void> {
    if (performance.now() - this.tidiedAt < TIDY_EVERY_MS) return;
    this.tidiedAt = performance.now();
    this.runner.warnOfDropped(await this.group.tidy());
  }

  private async adoptWhenDue(): Promise<void> {
    if (performance.now() - this.adoptedAt > ADOPT_EVERY_MS) await this.adopt();
  }

  private async adopt(): Promise<void> {
    this.adoptedAt = performance.now();
    const known = new Set([...this.runner.entries, ...this.line.waiting].map(({ id }) => id));
    const isKnown = (id: string) => known.has(id);
    this.claimSoon(await this.group.adopt(isKnown));
  }
}
