import { RareLog } from '../delivery/rare.log.js';
import type { Dispatch } from '../delivery/source.js';
import type { ResolvedOptions } from '../hydra.options.js';
import { Doorbell } from './doorbell.js';
import type { HeldJob } from './held.job.js';
import { Intake } from './intake.js';
import type { Lane } from './lane.js';
import { Parking } from './parking.js';
import type { Scheduler } from './scheduler.js';
import type { StartGate } from './start.gate.js';
import { Upkeep } from './upkeep.js';
import type { Aside, Outcome, WorkerLink } from './worker.link.js';

/** Outcomes sent, and jobs taken, by one script at most. */
const BATCH = 500;
const STALLED_MS = 5_000;
/** It is no fault that a job waits to be alone, unless it waits for long. */
const CLOSED_MS = 60_000;
const PAUSED_LOOK_MS = 1_000;
/** What is due already is being seen to: asking without a pause would not make it quicker. */
const LEAST_WAIT_MS = 2;
const MAX_RETRY_MS = 1_000;

/**
 * Takes the jobs of one queue, has them run, and tells Redis what became of them.
 *
 * One conversation with Redis goes on at a time: everything that came up meanwhile (outcomes, places that became free)
 * goes into the next. So a batch is as large as the load makes it.
 */
export class QueueWorker {
  private readonly parking: Parking;
  private readonly intake: Intake;
  private readonly upkeep: Upkeep;
  private readonly doorbell: Doorbell;
  private readonly log = new RareLog();
  private isTaking = false;
  private isClosed = false;
  private isScheduled = false;
  private isTalking = false;
  private hasMore = true;
  private isPaused = false;
  private nextDueMs = -1;
  private lastTalkAt = performance.now();
  private failures = 0;
  private lastFailure = '';
  private renewal: NodeJS.Timeout | undefined;

  constructor(
    private readonly lanes: ReadonlyMap<string, Lane<HeldJob>>,
    private readonly link: WorkerLink,
    private readonly gate: StartGate,
    private readonly scheduler: Scheduler,
    dispatch: Dispatch,
    private readonly options: ResolvedOptions,
  ) {
    this.parking = new Parking(lanes, link, gate, dispatch, options, () => this.schedule());
    this.intake = new Intake(lanes, this.parking, link, options);
    this.upkeep = new Upkeep(link, this.parking, [...lanes.keys()]);
    this.doorbell = new Doorbell(link.redis, link.keys, this.ring);
  }

  async start(): Promise<void> {
    await this.doorbell.open();
    this.isTaking = true;
    this.parking.open();
    // Many workers must not look in the same instant.
    const everyMs = this.link.renewEveryMs * (0.9 + Math.random() / 5);
    this.renewal = setInterval(() => this.renew(), everyMs);
    this.renewal.unref();
    this.schedule();
  }

  get running(): number {
    return this.parking.running;
  }

  /** Why no job arrives although it should; undefined while the loop turns. */
  problem(): string | undefined {
    if (!this.isTaking) return undefined;
    const closedMs = Math.round(this.gate.closedMs);
    if (closedMs >= CLOSED_MS) {
      return `queue "${this.link.queue}" has started nothing for ${closedMs} ms: a job waits to run alone`;
    }
    const silentMs = Math.round(performance.now() - this.lastTalkAt);
    if (silentMs < STALLED_MS) return undefined;
    return `queue "${this.link.queue}" has not been read for ${silentMs} ms${this.lastFailure && `: ${this.lastFailure}`}`;
  }

  /** Takes no more; what has not started goes back at once, what runs has until the deadline. */
  async drain(deadlineAt: number): Promise<void> {
    if (!this.isTaking) return;
    this.isTaking = false;
    this.doorbell.close();
    await this.parking.drain(deadlineAt);
    await this.untilSent();
    clearInterval(this.renewal);
    this.isClosed = true;
  }

  /** What cannot be said because Redis is away, another worker will find out. */
  private async untilSent(): Promise<void> {
    const { held } = this.parking;
    const deadlineAt = performance.now() + this.options.connection.commandTimeoutMs;
    while ((held.untold.length > 0 || this.isTalking) && performance.now() < deadlineAt) {
      this.schedule();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (held.untold.length === 0) await this.link.leave().catch(() => undefined);
  }

  private readonly ring = (): void => {
    this.hasMore = true;
    this.schedule();
  };

  private renew(): void {
    this.upkeep.isDue = true;
    this.hasMore = true;
    void this.scheduler.run();
    this.parking.handBackOverdue();
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled || this.isTalking || this.isClosed) return;
    this.isScheduled = true;
    // After all that this turn's input causes, so that its outcomes leave together.
    setImmediate(() => void this.talk());
  }

  private async talk(): Promise<void> {
    this.isScheduled = false;
    this.isTalking = true;
    try {
      if (this.upkeep.isDue) this.intake.servedPatterns = new Set(await this.upkeep.run());
      await this.exchange();
      this.failures = 0;
      this.lastFailure = '';
      this.lastTalkAt = performance.now();
    } catch (error) {
      this.failures++;
      this.lastFailure = String(error);
      this.log.warn('talk', `queue "${this.link.queue}": ${this.lastFailure}`);
    } finally {
      this.isTalking = false;
    }
    this.decide();
  }

  /** When to talk again: at once, in a while because it failed, or when the doorbell rings. */
  private decide(): void {
    if (this.isClosed) return;
    if (this.failures > 0) {
      const retryMs = Math.min(MAX_RETRY_MS, 20 * 2 ** Math.min(this.failures, 10));
      setTimeout(() => this.schedule(), retryMs).unref();
    } else if (this.parking.held.untold.length > 0 || (this.hasMore && this.wanted > 0)) this.schedule();
    else if (this.isTaking) this.wait();
  }

  private wait(): void {
    const now = performance.now();
    const restMs = this.intake.restMs(now);
    if (restMs !== undefined) this.hasMore = true;
    const dueMs = this.nextDueMs >= 0 ? Math.max(LEAST_WAIT_MS, this.nextDueMs) : undefined;
    const lookMs = this.isPaused ? PAUSED_LOOK_MS : undefined;
    const laneMs = [...this.lanes.values()]
      .filter((lane) => lane.isClosed)
      .map((lane) => lane.closedUntil - now);
    const times = [restMs, dueMs, lookMs, this.intake.digMs(now), ...laneMs].filter((ms) => ms !== undefined);
    const withinMs = times.length > 0 ? Math.ceil(Math.min(...times)) : undefined;
    this.doorbell.wait(withinMs, !this.isPaused && this.wanted > 0);
  }

  /** How many jobs the next turn asks for. */
  private get wanted(): number {
    return Math.min(this.intake.wanted, BATCH);
  }

  private async exchange(): Promise<void> {
    const { held } = this.parking;
    const outcomes = held.takeUntold(BATCH);
    const { wanted } = this;
    if (outcomes.length === 0 && wanted === 0) return;
    this.hasMore = false;
    const [refused, raws, states, firstFence, urgent, isPaused, nextDueMs] = await this.link
      .turn(outcomes, wanted, wanted > 0 ? this.asides() : [])
      .catch((error: unknown) => {
        held.putBack(outcomes);
        throw error;
      });
    if (refused.length > 0) this.noteRefused(refused, outcomes);
    if (wanted > 0) {
      this.isPaused = isPaused === 1;
      this.nextDueMs = nextDueMs;
      // A job that came while the answer was under way has rung already.
      this.hasMore ||= raws.length === wanted;
      this.scheduler.expect(nextDueMs);
      this.intake.admit(raws, states, Number(firstFence), urgent);
    }
  }

  private asides(): Aside[] {
    const asides: Aside[] = [];
    for (const { room, aside: list } of this.lanes.values()) if (room > 0) asides.push({ list, most: room });
    return asides;
  }

  private noteRefused(refused: readonly string[], outcomes: readonly Outcome[]): void {
    const isRepeated = new Set(outcomes.filter((outcome) => outcome.isRepeated).map(({ fence }) => fence));
    const late = refused.filter((fence) => !isRepeated.has(Number(fence)));
    if (late.length > 0)
      this.log.warn('lost', `${late.length} outcomes came too late: other workers had the jobs`);
  }
}
