import type { Dispatch } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { sleep } from '../../runtime/waiting.js';
import type { EntryHandler } from '../entries/entry-handler.js';
import { GroupEntries } from '../entries/group-entries.js';
import type { ConsumerGroup } from './consumer-group.js';
import { GroupReader } from './group-reader.js';
import { GroupStatus, isNoGroup } from './group-status.js';

const HEARTBEAT_EVERY_MS = 500;
/** How often a heartbeat key is renewed in its life, so that an instance that is alive never counts as dead. */
const HEARTBEATS_PER_TTL = 3;
/** When an instance had capacity for only a part, the rest is searched for soon. */
const CLAIM_AGAIN_MS = 20;
const TIDY_EVERY_MS = 10_000;
/** Heartbeats between two checks for keys that make no progress. */
const REPAIR_EVERY = 4;

export interface WorkerOptions {
  readonly group: ConsumerGroup;
  readonly handlers: readonly EntryHandler[];
  readonly dispatch: Dispatch;
}

/**
 * Handles the entries of one group of one stream: each at least once, and those of one key one after another.
 *
 * Nobody takes the entries of an instance that is alive. The others claim the entries of a dead one; this is decided in
 * {@link ConsumerGroup.heartbeatAndClaim}.
 */
export class GroupWorker {
  private readonly status: GroupStatus;
  private readonly entries: GroupEntries;
  private readonly reader: GroupReader;
  private reading: Promise<void> | undefined;
  private heartbeat: Timer | undefined;
  private isBeating = false;
  private beats = 0;
  private tidiedAt = -Infinity;
  private lost = 0;
  private isDraining = false;

  constructor(
    private readonly context: Pick<Context, 'clock' | 'random'>,
    private readonly options: WorkerOptions,
  ) {
    const { group } = options;
    this.status = new GroupStatus(context.clock, group.config);
    this.entries = new GroupEntries(context, { ...options, status: this.status });
    this.reader = new GroupReader(context, { group, status: this.status, entries: this.entries });
  }

  /** How many entries are in flight. */
  get size(): number {
    return this.entries.size;
  }

  /** Why entries do not arrive at present; undefined when they do. */
  get problem(): string | undefined {
    return this.status.problem;
  }

  /** How many entries were trimmed away before the group had read them, as far as this instance saw it. */
  get lostToTrim(): number {
    return this.lost;
  }

  /**
   * Resolves once the group exists and is being read; waits for a Redis that is away.
   *
   * @throws what Redis refuses permanently
   */
  async start(): Promise<void> {
    await this.reader.join();
    // It was closed while it waited for Redis.
    if (this.isDraining) return;
    const everyMs = Math.min(HEARTBEAT_EVERY_MS, this.options.group.config.ttlMs / HEARTBEATS_PER_TTL);
    this.heartbeat = this.context.clock.setInterval(() => void this.beat(), everyMs);
    await this.beat();
    this.reading = this.reader.run();
  }

  /** Begins no more entries, lets those in progress end, and leaves the rest to others. */
  async drain(deadlineAt: number): Promise<void> {
    if (this.isDraining) return;
    this.isDraining = true;
    this.reader.close();
    this.entries.close();
    const over = new AbortController();
    const { clock } = this.context;
    const deadline = sleep(clock, Math.max(0, deadlineAt - clock.monotonic()), { signal: over.signal });
    await Promise.race([Promise.all([this.entries.handlersEnded(), this.reading]), deadline]);
    const { group } = this.options;
    const reason = `"${group.config.stream}" was aborted: drain.timeoutMs is over`;
    this.entries.abort(new HydraError('DRAINING', reason, { mayHaveRun: true }));
    await Promise.race([this.entries.allAcknowledged(), deadline]);
    over.abort();
    clock.clear(this.heartbeat);
    // Without Redis nothing can be written; the heartbeat key expires.
    await group.leave(this.entries.unbegun).catch(() => undefined);
  }

  private async beat(): Promise<void> {
    if (this.isBeating) return;
    this.isBeating = true;
    try {
      await this.lookAfterGroup();
    } catch (error) {
      if (isNoGroup(error)) await this.reader.rejoin();
      else this.failed(error);
    } finally {
      this.isBeating = false;
    }
    void this.resumeOrdering();
  }

  private async lookAfterGroup(): Promise<void> {
    const { group } = this.options;
    const limit = this.isDraining ? 0 : this.entries.claimCapacity;
    const { isCutShort, lostToTrim, ...claimed } = await group.heartbeatAndClaim(limit);
    this.status.clear('claim');
    this.entries.takeOver(claimed);
    this.warnOfTrim(lostToTrim);
    if (isCutShort) this.context.clock.setTimeout(() => void this.beat(), CLAIM_AGAIN_MS);
    await this.entries.loseWhatOthersHave();
    const isRepairDue = group.config.isOrdered && ++this.beats % REPAIR_EVERY === 0;
    if (isRepairDue) await this.entries.restoreOrder({ onlyIfLost: true });
    if (isRepairDue && limit > 0) this.entries.takeOver(await group.repairOrder(limit));
    await this.tidyWhenDue();
  }

  private async resumeOrdering(): Promise<void> {
    try {
      await this.entries.resumeOrdering();
    } catch (error) {
      // A lost group is made again by the next heartbeat.
      if (!isNoGroup(error)) this.status.report(error);
    }
  }

  private failed(error: unknown): void {
    this.status.recordFailure('claim', error);
    this.status.report(error);
  }

  private warnOfTrim(count: number): void {
    if (count === 0) return;
    this.lost += count;
    const { stream, group } = this.options.group.config;
    const line = `${count} entries of stream "${stream}" were trimmed away before group "${group}" had read them`;
    this.status.warn('trimmed', line);
  }

  private async tidyWhenDue(): Promise<void> {
    const now = this.context.clock.monotonic();
    if (now - this.tidiedAt < TIDY_EVERY_MS) return;
    this.tidiedAt = now;
    this.entries.warnOfDropped(await this.options.group.tidy());
  }
}
