import { RareLog } from '../delivery/rare.log.js';
import type { Dispatch } from '../delivery/source.js';
import { HydraError } from '../hydra.error.js';
import type { ResolvedOptions } from '../hydra.options.js';
import { Doorbell } from './doorbell.js';
import { HeldJob } from './held.job.js';
import { aside, back, deadOutcome, deadStranger, JobRunner } from './job.runner.js';
import { readState, verdictOf } from './job.state.js';
import { readJob, type ReadJob } from './job.text.js';
import type { Lane } from './lane.js';
import type { Scheduler } from './scheduler.js';
import type { StartGate } from './start.gate.js';
import type { Aside, Outcome, WorkerLink } from './worker.link.js';
import type { TurnReply } from './worker.scripts.js';

/** Outcomes sent, and jobs taken, by one script at most. */
const BATCH = 500;
/** A job that has not started by then is given to others. */
const PARKED_MS = 250;
/** Pause after taking only jobs that nobody here can handle. */
const STRAY_PAUSE_MS = 250;
/** Between two searches for jobs of other patterns behind many of a pattern that has no room. */
const DIG_EVERY_MS = 50;
const FORGET_EVERY_MS = 10_000;
const STALLED_MS = 5_000;
const PAUSED_LOOK_MS = 1_000;
/** What is due already is being seen to: asking without a pause would not make it quicker. */
const LEAST_WAIT_MS = 2;
const MAX_RETRY_MS = 1_000;

/**
 * Takes the jobs of one queue, runs them, and tells Redis what became of them.
 *
 * One conversation with Redis goes on at a time: everything that came up meanwhile (outcomes, places that became free)
 * goes into the next. So a batch is as large as the load makes it.
 */
export class QueueWorker {
  private readonly held = new Map<number, HeldJob>();
  private readonly runner: JobRunner;
  private readonly doorbell: Doorbell;
  private readonly log = new RareLog();
  private outcomes: Outcome[] = [];
  private servedPatterns: ReadonlySet<string> = new Set();
  private isTaking = false;
  private isClosed = false;
  private isScheduled = false;
  private isTalking = false;
  private isRenewalDue = true;
  private hasMore = true;
  private isPaused = false;
  private nextDueMs = -1;
  private restUntil = 0;
  private digAt = 0;
  private forgotAt = performance.now();
  private forgetFrom = 0;
  private lastTalkAt = performance.now();
  private failures = 0;
  private lastFailure = '';
  private renewal: NodeJS.Timeout | undefined;
  private whenIdle: (() => void) | undefined;

  constructor(
    private readonly lanes: ReadonlyMap<string, Lane<HeldJob>>,
    private readonly link: WorkerLink,
    private readonly gate: StartGate,
    private readonly scheduler: Scheduler,
    dispatch: Dispatch,
    private readonly options: ResolvedOptions,
  ) {
    this.runner = new JobRunner(dispatch, options.maxPayloadBytes, (job, outcome) =>
      this.finished(job, outcome),
    );
    this.doorbell = new Doorbell(link.redis, link.keys, this.ring);
    gate.onOpen(() => {
      for (const lane of this.lanes.values()) this.startParked(lane);
      this.schedule();
    });
  }

  async start(): Promise<void> {
    await this.doorbell.open();
    await this.link.publishPatterns([...this.lanes.keys()]);
    this.isTaking = true;
    // Many workers must not look in the same instant.
    const everyMs = this.link.renewEveryMs * (0.9 + Math.random() / 5);
    this.renewal = setInterval(() => this.renew(), everyMs);
    this.renewal.unref();
    this.schedule();
  }

  get running(): number {
    let sum = 0;
    for (const lane of this.lanes.values()) sum += lane.running;
    return sum;
  }

  /** Why no job arrives although it should; undefined while the loop turns. */
  problem(): string | undefined {
    const silentMs = Math.round(performance.now() - this.lastTalkAt);
    if (!this.isTaking || silentMs < STALLED_MS) return undefined;
    return `queue "${this.link.queue}" has not been read for ${silentMs} ms${this.lastFailure && `: ${this.lastFailure}`}`;
  }

  /** Takes no more; what has not started goes back at once, what runs has until the deadline. */
  async drain(deadlineAt: number): Promise<void> {
    if (!this.isTaking) return;
    this.isTaking = false;
    this.doorbell.close();
    this.handBack([...this.held.values()].filter(({ isStarted }) => !isStarted));
    const reason = new HydraError('DRAINING', 'the worker is stopping');
    for (const job of this.held.values()) job.context.abort(reason);
    await this.untilIdle(deadlineAt);
    const late = [...this.held.values()];
    for (const job of late) this.runner.stop(job, reason);
    this.handBack(late);
    await this.untilSent();
    clearInterval(this.renewal);
    this.isClosed = true;
  }

  private handBack(jobs: readonly HeldJob[]): void {
    // The oldest last, which puts it in front.
    for (const job of jobs.toSorted((a, b) => b.fence - a.fence)) this.release(job, back(job));
    for (const lane of this.lanes.values()) lane.parked.length = 0;
    this.schedule();
  }

  private untilIdle(deadlineAt: number): Promise<void> {
    if (this.held.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadlineAt - performance.now()));
      this.whenIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** What cannot be said because Redis is away, another worker will find out. */
  private async untilSent(): Promise<void> {
    const deadlineAt = performance.now() + this.options.connection.commandTimeoutMs;
    while ((this.outcomes.length > 0 || this.isTalking) && performance.now() < deadlineAt) {
      this.schedule();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (this.outcomes.length === 0) await this.link.leave().catch(() => undefined);
  }

  private readonly ring = (): void => {
    this.hasMore = true;
    this.schedule();
  };

  private renew(): void {
    this.isRenewalDue = true;
    this.hasMore = true;
    void this.scheduler.run();
    if (this.gate.isOpen) {
      const waiting = [...this.held.values()].filter((job) => !job.isStarted && isOverdue(job));
      if (waiting.length > 0) this.handBackParked(waiting);
    }
    this.schedule();
  }

  private handBackParked(jobs: readonly HeldJob[]): void {
    for (const { parked } of this.lanes.values()) {
      for (const job of jobs) if (parked.includes(job)) parked.splice(parked.indexOf(job), 1);
    }
    for (const job of jobs.toSorted((a, b) => b.fence - a.fence)) this.release(job, back(job));
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
      if (this.isRenewalDue) await this.keepLeases();
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
    } else if (this.outcomes.length > 0 || (this.hasMore && this.wanted > 0)) this.schedule();
    else if (this.isTaking) this.wait();
  }

  private wait(): void {
    const now = performance.now();
    const restMs = this.restUntil > now ? this.restUntil - now : undefined;
    if (restMs !== undefined) this.hasMore = true;
    const dueMs = this.nextDueMs >= 0 ? Math.max(LEAST_WAIT_MS, this.nextDueMs) : undefined;
    const lookMs = this.isPaused ? PAUSED_LOOK_MS : undefined;
    const laneMs = [...this.lanes.values()]
      .filter((lane) => lane.isClosed)
      .map((lane) => lane.closedUntil - now);
    const digMs = this.digAt > now ? this.digAt - now : undefined;
    const times = [restMs, dueMs, lookMs, digMs, ...laneMs].filter((ms) => ms !== undefined);
    const withinMs = times.length > 0 ? Math.ceil(Math.min(...times)) : undefined;
    this.doorbell.wait(withinMs, !this.isPaused && this.wanted > 0);
  }

  /** How many jobs there is room for. */
  private get wanted(): number {
    if (!this.isTaking || !this.gate.isOpen || this.restUntil > performance.now()) return 0;
    let all = 0;
    let warm = 0;
    for (const lane of this.lanes.values()) {
      all += lane.room;
      if (lane.isWarm) warm += lane.room;
    }
    const canDig = performance.now() >= this.digAt;
    return Math.min(canDig ? all : warm, BATCH);
  }

  private async exchange(): Promise<void> {
    const outcomes = this.outcomes.splice(0, BATCH);
    const { wanted } = this;
    if (outcomes.length === 0 && wanted === 0) return;
    this.hasMore = false;
    const asides: Aside[] = wanted > 0 ? this.asides() : [];
    let reply: TurnReply;
    try {
      reply = await this.link.turn(outcomes, wanted, asides);
    } catch (error) {
      for (const outcome of outcomes) outcome.isRepeated = true;
      this.outcomes = [...outcomes, ...this.outcomes];
      throw error;
    }
    const [refused, raws, states, firstFence, urgent, isPaused, nextDueMs] = reply;
    if (refused.length > 0) this.noteRefused(refused, outcomes);
    if (wanted > 0) {
      this.isPaused = isPaused === 1;
      this.nextDueMs = nextDueMs;
      // A job that came while the answer was under way has rung already.
      this.hasMore ||= raws.length === wanted;
      this.scheduler.expect(nextDueMs);
      this.admit(raws, states, Number(firstFence), urgent);
    }
  }

  private asides(): Aside[] {
    const asides: Aside[] = [];
    for (const { room, aside: list } of this.lanes.values()) if (room > 0) asides.push({ list, most: room });
    return asides;
  }

  /** Those that did not come from the waiting list, the first `urgent` ones, must not be put behind what waits longer. */
  private admit(
    raws: readonly string[],
    states: readonly (string | null)[],
    firstFence: number,
    urgent: number,
  ): void {
    if (raws.length === 0) return;
    let strays = 0;
    const homeless: HeldJob[] = [];
    raws.forEach((raw, index) => {
      const fence = firstFence + index;
      const job = readJob(raw);
      const lane = job && this.lanes.get(job.pattern);
      const state = states[index] ?? null;
      if (!job) this.outcomes.push(deadStranger(this.options.service, fence, raw));
      else if (!lane) strays += this.send(job, fence, state);
      else {
        const held = new HeldJob(job, fence, state, lane, this.report);
        if (this.place(held)) return;
        if (index < urgent) homeless.push(held);
        else this.outcomes.push(aside(held, 'aside'));
        this.digAt = performance.now() + DIG_EVERY_MS;
      }
    });
    for (const job of homeless.toReversed()) this.outcomes.push(aside(job, 'front'));
    if (strays === raws.length) this.restUntil = performance.now() + STRAY_PAUSE_MS;
    for (const lane of this.lanes.values()) this.startParked(lane);
  }

  /**
   * Sends on a job without a handler here: to its own list where another worker has one; else back to the end of the
   * line, where a Hydra 1.x worker may take it, for a while. Returns 1 when it went back to the line.
   */
  private send(job: ReadJob, fence: number, stateText: string | null): number {
    const { pattern, id, message } = job;
    if (this.servedPatterns.has(pattern)) {
      this.outcomes.push({ what: 'aside', fence, detail: this.link.keys.aside(pattern), event: '' });
      return 0;
    }
    const state = readState(stateText);
    const now = Date.now();
    const straySince = state.straySince ?? now;
    const { noHandlerMs } = this.options.queue;
    if (now - straySince < noHandlerMs) {
      const detail = JSON.stringify({ ...state, straySince });
      this.outcomes.push({ what: 'stray', fence, detail, event: '' });
      return 1;
    }
    const reason = `"${pattern}" had no handler for queue.noHandlerMs=${noHandlerMs}`;
    this.outcomes.push(deadOutcome({ id, pattern, fence, message, attempt: 0 }, reason, state.history ?? []));
    return 0;
  }

  /** False when there is no room for it. */
  private place(job: HeldJob): boolean {
    const { lane } = job;
    const verdict = verdictOf(job.state, job.attempts);
    if (verdict === 'dead') {
      const history = job.state.history ?? [];
      const reason = history.at(-1)?.error ?? 'lost with its worker';
      this.outcomes.push(deadOutcome(job, reason, history));
      return true;
    }
    if (verdict === 'run' && lane.room === 0) return false;
    this.held.set(job.fence, job);
    if (verdict === 'alone') this.gate.enterAlone(() => void this.startAlone(job));
    else lane.parked.push(job);
    return true;
  }

  private startParked(lane: Lane<HeldJob>): void {
    if (!this.isTaking) return;
    while (lane.parked.length > 0 && lane.hasPlace && this.gate.isOpen) {
      if (lane.options.rateLimit && lane.tokens < 1) return void this.askForTokens(lane);
      if (lane.options.rateLimit) lane.tokens--;
      const job = lane.parked.shift()!;
      lane.running++;
      lane.startedAt = performance.now();
      this.gate.enter();
      this.runner.start(job);
    }
  }

  /** Its state says first that it runs alone: the next worker has to know, should this one die. */
  private async startAlone(job: HeldJob): Promise<void> {
    if (job.isOver) return this.gate.leave();
    job.lane.running++;
    job.isStarted = true;
    const state = JSON.stringify({ ...job.state, alone: true });
    const isHeld = await this.link.writeState(job.fence, job.raw, state).catch(() => false);
    if (job.isOver) return;
    if (isHeld && this.isTaking) this.runner.start(job);
    else this.finished(job, back(job));
  }

  private async askForTokens(lane: Lane<HeldJob>): Promise<void> {
    if (lane.isAskingForTokens || lane.isClosed) return;
    lane.isAskingForTokens = true;
    const { max, perMs } = lane.options.rateLimit!;
    const wanted = Math.min(lane.parked.length, lane.options.concurrency - lane.running);
    try {
      const [given, waitMs] = await this.link.takeTokens(lane.bound.pattern, max, perMs, wanted);
      lane.tokens += given;
      if (given < wanted) this.closeLane(lane, waitMs);
    } catch {
      this.closeLane(lane, MAX_RETRY_MS);
    } finally {
      lane.isAskingForTokens = false;
    }
    this.startParked(lane);
    this.schedule();
  }

  /** What has a token starts; the rest goes aside, for whichever worker has the next token. */
  private closeLane(lane: Lane<HeldJob>, waitMs: number): void {
    lane.closedUntil = performance.now() + waitMs;
    for (const job of lane.parked.splice(lane.tokens).toReversed()) this.release(job, aside(job, 'front'));
  }

  private finished(job: HeldJob, outcome: Outcome): void {
    const { lane } = job;
    lane.running--;
    lane.ran(performance.now() - job.since);
    this.release(job, outcome);
    this.gate.leave();
    this.startParked(lane);
    this.schedule();
  }

  private release(job: HeldJob, outcome: Outcome): void {
    job.isOver = true;
    this.held.delete(job.fence);
    this.outcomes.push(outcome);
    if (this.held.size === 0) this.whenIdle?.();
  }

  private readonly report = async (job: HeldJob, value: unknown): Promise<void> => {
    const { fence, id, pattern } = job;
    const event = JSON.stringify({ type: 'progress', id, pattern, value });
    const text = JSON.stringify(value) ?? 'null';
    const isHeld = !job.isOver && (await this.link.report(fence, job.message.mid, text, event));
    if (!isHeld) throw this.leaseLost(job);
  };

  /** Renews this worker's life, recovers what others lost, and compares what Redis says it holds with what it knows. */
  private async keepLeases(): Promise<void> {
    const [returned, fences, patterns] = await this.link.recover();
    this.isRenewalDue = false;
    this.servedPatterns = new Set(patterns);
    if (returned > 0) this.log.warn('recovered', `recovered ${returned} jobs of workers that died`);
    const kept = new Set(fences.map(Number));
    for (const job of this.held.values()) if (!kept.has(job.fence)) this.lose(job);
    for (const { fence } of this.outcomes) kept.delete(fence);
    const unknown = [...kept].filter((fence) => !this.held.has(fence));
    if (unknown.length > 0) await this.link.giveBack(unknown.map(String));
    if (performance.now() - this.forgotAt < FORGET_EVERY_MS) return;
    this.forgotAt = performance.now();
    [, this.forgetFrom] = await this.link.forgetOld(Date.now(), BATCH, this.forgetFrom);
  }

  /** Another worker has it, because this one was taken for dead. */
  private lose(job: HeldJob): void {
    this.log.warn('lost', this.leaseLost(job).message);
    this.held.delete(job.fence);
    const { lane } = job;
    const index = lane.parked.indexOf(job);
    if (index >= 0) lane.parked.splice(index, 1);
    if (!job.isStarted) job.isOver = true;
    else {
      this.runner.stop(job, this.leaseLost(job));
      lane.running--;
      this.gate.leave();
    }
    if (this.held.size === 0) this.whenIdle?.();
    this.startParked(lane);
  }

  private noteRefused(refused: readonly string[], outcomes: readonly Outcome[]): void {
    const isRepeated = new Set(outcomes.filter((outcome) => outcome.isRepeated).map(({ fence }) => fence));
    const late = refused.filter((fence) => !isRepeated.has(Number(fence)));
    if (late.length > 0)
      this.log.warn('lost', `${late.length} outcomes came too late: other workers had the jobs`);
  }

  private leaseLost({ id, pattern }: HeldJob): HydraError {
    return new HydraError('LEASE_LOST', `job ${id} of "${pattern}" is another worker's by now`);
  }
}

function isOverdue(job: HeldJob): boolean {
  return performance.now() - job.since > PARKED_MS;
}
