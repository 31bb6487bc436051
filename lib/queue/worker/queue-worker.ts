import type { Timer } from '../../runtime/clock.js';
import { listed } from '../../runtime/listed.js';
import { sleep } from '../../runtime/waiting.js';
import { WakeUpListener } from '../waking/wake-up-listener.js';
import type { HeldJob } from './held-job.js';
import { Intake } from './intake.js';
import type { PatternSlots } from './pattern-slots.js';
import { LocalJobs } from './local-jobs.js';
import type { Scheduler } from './scheduler.js';
import type { StartGate } from './start-gate.js';
import type { RestingWorker } from '../waking/resting-queues.js';
import { Upkeep } from './upkeep.js';
import type { UnsentOutcome } from './held-jobs.js';
import type { WorkerContext, WorkerLink } from './worker-link.js';
import type { WorkerParts } from './worker-parts.js';

/** Outcomes sent, and jobs taken, by one script at most. */
const BATCH = 250;
const STALLED_MS = 5_000;
/** It is worth a word when others wait for one job for so long. */
const CLOSED_MS = 1_000;
const PAUSED_LOOK_MS = 1_000;
/** What is due already is being seen to: asking without a pause would not make it quicker. */
const MIN_WAIT_MS = 50;
const MAX_RETRY_MS = 1_000;
/** A renewal that comes so much late tells that the event loop was blocked. */
const BLOCKED_MS = 1_000;
/** Jobs that are named as those which may have blocked it. */
const MAX_NAMED = 3;
/** A worker that rests does so often what it else does all the time: it tidies up. */
const TIDY_MS = 300_000;

/**
 * Takes the jobs of one queue, has them run, and tells Redis what became of them.
 *
 * One conversation with Redis is under way at a time: everything that came up meanwhile (outcomes, places that became free)
 * goes into the next. So a batch is as large as the load makes it.
 */
export class QueueWorker implements RestingWorker {
  private readonly slots: WorkerParts['slots'];
  private readonly gate: StartGate;
  private readonly jobs: LocalJobs;
  private readonly intake: Intake;
  private readonly upkeep: Upkeep;
  private readonly wakeUp: WakeUpListener;
  private isTaking = false;
  private isClosed = false;
  private isScheduled = false;
  private isTalking = false;
  private hasMore = true;
  private isPaused = false;
  /** Nothing that it has room for has a token of its rate limit left. */
  private isOutOfTokens = false;
  /** The patterns it had room for when it was entered among those that wait; undefined when it is not. */
  private idleFor: string | undefined;
  /** When something falls due that is its own to see to, by `clock.monotonic()`; undefined where nothing does. */
  private dueAt: number | undefined;
  private exchanges = 0;
  private lastTalkAt: number;
  /** The same, without the looks of others for it. */
  private talkedAt = 0;
  private renewAt = Infinity;
  private failures = 0;
  private lastFailure = '';
  private renewal: Timer | undefined;
  private stopHearing: (() => void) | undefined;
  /** When it last talked in full, by `clock.monotonic()`. */
  private tidiedAt = -Infinity;
  private renewals = 0;
  /** The next talk need not look for jobs. */
  private isBrief = false;

  constructor(
    private readonly context: WorkerContext,
    private readonly link: WorkerLink,
    parts: WorkerParts,
    private readonly scheduler: Scheduler,
  ) {
    const { slots, gate } = parts;
    this.slots = slots;
    this.gate = gate;
    this.lastTalkAt = context.clock.monotonic();
    this.jobs = new LocalJobs(context, link, parts, () => {
      this.isBrief = false;
      this.schedule();
    });
    this.intake = new Intake(slots, this.jobs, link, context);
    this.upkeep = new Upkeep(context, link, this.jobs, [...slots.keys()]);
    this.wakeUp = new WakeUpListener(context, link.keys, {
      wake: () => this.wake(),
      chosen: () => (this.idleFor = undefined),
      cancelled: (lease, reason) => this.jobs.cancel(lease, reason),
    });
  }

  async start(): Promise<void> {
    await this.wakeUp.open();
    this.isTaking = true;
    this.jobs.open();
    // Many workers must not look in the same instant.
    const { clock, random } = this.context;
    const everyMs = this.link.renewEveryMs * (0.9 + random.float() / 5);
    this.renewAt = clock.monotonic() + everyMs;
    this.renewal = clock.setInterval(() => this.renew(everyMs), everyMs);
    // Redis may have forgotten what it gave: it is asked before more is taken.
    this.stopHearing = this.link.redis.onState((state) => {
      if (state === 'lost') this.upkeep.request();
    });
    this.schedule();
  }

  /** Nothing is to be done, and it is known as one that waits: who adds a job wakes it, or its timer for what falls due. */
  get isResting(): boolean {
    const { held } = this.jobs;
    const isIdle = this.isTaking && this.idleFor !== undefined && !this.hasMore && !this.isPaused;
    const isDone = held.leases === 0 && !this.isOverdue && !this.upkeep.isDue && this.failures === 0;
    return this.link.mayRest && isIdle && isDone && !this.isScheduled && !this.isTalking;
  }

  get restKeys(): readonly string[] {
    return this.link.restKeys;
  }

  get dueKeys(): readonly string[] {
    return this.link.dueKeys;
  }

  get exchangedAt(): number {
    return this.link.exchangedAt;
  }

  heardTime(redisMs: number, askedAt: number): number {
    this.link.redisClock.advance(redisMs, askedAt);
    return this.link.redisClock.now();
  }

  private get isOverdue(): boolean {
    return this.dueAt !== undefined && this.dueAt <= this.context.clock.monotonic();
  }

  get restingSince(): number {
    return this.talkedAt;
  }

  rested(): void {
    this.lastTalkAt = this.context.clock.monotonic();
  }

  beat(lifeMs: number): Promise<void> {
    return this.link.rest([...this.slots.keys()], lifeMs);
  }

  get running(): number {
    return this.jobs.running;
  }

  /** Why no job arrives although it should; undefined while it talks to Redis. */
  problem(): string | undefined {
    if (!this.isTaking) return undefined;
    const silentMs = Math.round(this.context.clock.monotonic() - this.lastTalkAt);
    if (silentMs < STALLED_MS) return undefined;
    return `queue "${this.link.queue}" has not been read for ${silentMs} ms${this.lastFailure && `: ${this.lastFailure}`}`;
  }

  /** What a person may want to know while it talks to Redis. */
  warning(): string | undefined {
    const closedMs = Math.round(this.gate.closedMs);
    if (!this.isTaking || closedMs < CLOSED_MS) return undefined;
    return `queue "${this.link.queue}" has started nothing else for ${closedMs} ms: a job that was lost with its worker runs alone, or waits to`;
  }

  /** Takes no more; what has not started goes back at once, what runs has until the deadline. */
  async drain(deadlineAt: number): Promise<void> {
    if (!this.isTaking) return;
    this.isTaking = false;
    this.wakeUp.close();
    await this.jobs.drain(deadlineAt);
    await this.untilSent();
    this.context.clock.clear(this.renewal);
    this.stopHearing?.();
    this.isClosed = true;
  }

  /** What cannot be said because Redis is away, another worker will find out. */
  private async untilSent(): Promise<void> {
    const { held } = this.jobs;
    const { clock, options } = this.context;
    const deadlineAt = clock.monotonic() + options.connection.commandTimeoutMs;
    while ((held.unsent.length > 0 || this.isTalking) && clock.monotonic() < deadlineAt) {
      this.schedule();
      await sleep(clock, 5, { ref: true });
    }
    if (held.unsent.length === 0) await this.link.leave().catch(() => undefined);
  }

  awake(): void {
    this.upkeep.request();
    this.wake();
  }

  private wake(): void {
    this.hasMore = true;
    this.schedule();
  }

  private renew(everyMs: number): void {
    this.noteLag(everyMs);
    const now = this.context.clock.monotonic();
    if (this.isResting && now - this.tidiedAt < TIDY_MS) return;
    this.tidiedAt = now;
    this.upkeep.request();
    // With nothing to do it looks every second time: what comes wakes it.
    this.isBrief = this.idleFor !== undefined && this.renewals++ % 2 === 1;
    if (!this.isBrief) this.hasMore = true;
    // With room for jobs, each look tells of ticks.
    if (this.wanted === 0) void this.scheduler.run();
    this.jobs.handBackOverdue();
    this.schedule();
  }

  /** Whoever reads the log should not have to guess which handler it was. */
  private noteLag(everyMs: number): void {
    const { clock } = this.context;
    const now = clock.monotonic();
    const lateMs = Math.round(now - this.renewAt);
    this.renewAt = now + everyMs;
    if (lateMs < BLOCKED_MS || clock.isMoved) return;
    const running = this.jobs.held.all.filter(({ isStarted }) => isStarted);
    const names = running.map(({ id, pattern }) => `${id} of "${pattern}"`);
    const beside = names.length > 0 ? `; running: ${listed(names, MAX_NAMED)}` : '';
    this.context.log.warn(
      `blocked ${this.link.queue}`,
      `queue "${this.link.queue}": the event loop was blocked for ${lateMs} ms${beside}`,
    );
  }

  private schedule(): void {
    if (this.isScheduled || this.isTalking || this.isClosed) return;
    this.isScheduled = true;
    // After all that this tick's input causes, so that its outcomes leave together.
    this.context.clock.setImmediate(() => void this.talk());
  }

  private async talk(): Promise<void> {
    this.isScheduled = false;
    this.isTalking = true;
    try {
      if (this.upkeep.isDue) this.intake.setServed(await this.upkeep.run());
      if (!this.isBrief || this.isPressed) await this.exchange();
      this.isBrief = false;
      this.failures = 0;
      this.lastFailure = '';
      this.lastTalkAt = this.context.clock.monotonic();
      this.talkedAt = this.lastTalkAt;
    } catch (error) {
      this.failures++;
      // What was asked for may have been done.
      this.upkeep.request();
      this.lastFailure = String(error);
      this.context.log.warn(`talk ${this.link.queue}`, `queue "${this.link.queue}": ${this.lastFailure}`);
    } finally {
      this.isTalking = false;
    }
    this.decide();
  }

  /** When to talk again: at once, in a while because it failed, or when it is woken. */
  private decide(): void {
    if (this.isClosed) return;
    if (this.failures > 0) {
      const retryMs = Math.min(MAX_RETRY_MS, 20 * 2 ** Math.min(this.failures, 10));
      this.context.clock.setTimeout(() => this.schedule(), retryMs);
    } else if (this.isPressed) this.schedule();
    else if (this.isTaking) this.wait();
  }

  private get isPressed(): boolean {
    if (this.jobs.held.unsent.length > 0 || (this.hasMore && this.wanted > 0)) return true;
    return this.isTaking && this.wakeUp.hasMail;
  }

  private wait(): void {
    const now = this.context.clock.monotonic();
    const hasRoom = this.wanted > 0;
    const restMs = this.intake.restMs(now);
    const dueMs = this.dueAt === undefined ? undefined : Math.max(0, this.dueAt - now);
    const lookMs = this.isPaused ? PAUSED_LOOK_MS : undefined;
    const times = [restMs, dueMs, lookMs].filter((ms) => ms !== undefined);
    this.wakeUp.wait(
      times.length > 0 ? Math.ceil(Math.min(...times)) : undefined,
      hasRoom && !this.isPaused && !this.isOutOfTokens,
    );
  }

  /** How many jobs the next exchange asks for. */
  private get wanted(): number {
    return Math.min(this.intake.wanted, BATCH);
  }

  private async exchange(): Promise<void> {
    const { held } = this.jobs;
    const leases = held.leases;
    const outcomes = held.takeUnsent(BATCH);
    const { wanted } = this;
    const hadDue = this.dueAt !== undefined;
    if (outcomes.length === 0 && wanted === 0 && !this.wakeUp.hasMail && !(hadDue && this.hasMore)) return;
    this.hasMore = false;
    this.wakeUp.takeMail();
    const count = ++this.exchanges;
    const slots = this.asked(wanted);
    const reply = await this.link
      .exchange({
        count,
        outcomes: outcomes.map(({ outcome }) => outcome),
        wanted,
        leases,
        slots,
        isIdle: this.idleFor === roomOf(slots),
      })
      .catch((error: unknown) => {
        held.requeue(outcomes);
        this.wakeUp.expectMail();
        throw error;
      });
    const [refused, raws, states, firstFence, flags, nextDueMs] = reply;
    if (refused.length > 0) void this.noteRefused(refused, outcomes);
    this.dueAt = nextDueMs < 0 ? undefined : this.context.clock.monotonic() + (nextDueMs || MIN_WAIT_MS);
    if (wanted === 0) return;
    this.isPaused = flags.includes('p');
    this.isOutOfTokens = flags.includes('o');
    this.idleFor = flags.includes('i') ? roomOf(slots) : undefined;
    if (flags.includes('l')) this.upkeep.request();
    // A job that came while the answer was under way has rung already.
    this.hasMore ||= flags.includes('m') || flags.includes('l');
    this.scheduler.expect(nextDueMs);
    this.intake.admit({ raws, states, firstFence: Number(firstFence), count });
  }

  /** Without wanting any, what it tells may still give tokens back. */
  private asked(wanted: number): PatternSlots<HeldJob>[] {
    const slots = [...this.slots.values()];
    return wanted > 0 ? slots : slots.filter(({ options }) => options.rateLimit !== undefined);
  }

  /** Those of jobs that were cancelled are no loss. Never rejects. */
  private async noteRefused(refused: readonly string[], outcomes: readonly UnsentOutcome[]): Promise<void> {
    const leases = new Set(refused);
    const fresh = outcomes.filter(({ outcome, isRepeated }) => !isRepeated && leases.has(outcome.lease));
    const late = await this.link.lateAmong(fresh).catch(() => fresh.length);
    if (late > 0)
      this.context.log.warn(
        `lost ${this.link.queue}`,
        `${late} outcomes came too late: other workers had the jobs`,
      );
  }
}

/** The patterns that there is room for, as one text. */
function roomOf(slots: readonly PatternSlots<HeldJob>[]): string {
  let text = '';
  for (const { room, pattern } of slots) if (room > 0) text += `${pattern}\n`;
  return text;
}
