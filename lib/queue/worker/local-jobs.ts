import { HydraError } from '../../hydra-error.js';
import { cancelledError, leaseLostError, type HeldJob } from './held-job.js';
import { jobDied } from './job-died.js';
import { HeldJobs } from './held-jobs.js';
import { deadOutcome, JobRunner, putOff, returned } from './job-runner.js';
import { verdictOf } from '../model/job-state.js';
import type { PatternSlots } from './pattern-slots.js';
import type { StartGate } from './start-gate.js';
import type { LeaseOutcome } from '../scripts/lease-outcome.js';
import type { WorkerContext, WorkerLink } from './worker-link.js';
import type { WorkerParts } from './worker-parts.js';

/** A job that has not started by then goes back to its place, for others. */
const MAX_PENDING_MS = 250;
/** How long a job waits to be alone, the first time; then twice as long each time. Meanwhile nothing else starts. */
const ALONE_MS = 2_000;
const MAX_DOUBLINGS = 4;
/** The shortest time for which a job is put off that cannot wait to be alone now. */
const PUT_OFF_MS = 250;

/**
 * The jobs that a worker holds, from the moment they come until it is known what became of them: they wait for a place
 * among those of their pattern, or to be alone, start, and end.
 */
export class LocalJobs {
  readonly held: HeldJobs;
  private readonly slots: WorkerParts['slots'];
  private readonly gate: StartGate;
  private readonly runner: JobRunner;
  private isOpen = false;
  /** The job that waits to be alone, and how it stops waiting. */
  private waitsAlone: { readonly job: HeldJob; giveUp(): void } | undefined;

  constructor(
    private readonly context: WorkerContext,
    private readonly link: WorkerLink,
    { slots, gate, dispatch }: WorkerParts,
    /** There is something to tell, or room for more. */
    private readonly changed: () => void,
  ) {
    this.held = new HeldJobs(context.clock);
    this.slots = slots;
    this.gate = gate;
    const finished = (job: HeldJob, outcome: LeaseOutcome) => this.finished(job, outcome);
    this.runner = new JobRunner(context, dispatch, link.redisClock, finished);
    gate.onOpen(() => {
      this.startAll();
      this.changed();
    });
  }

  open(): void {
    this.isOpen = true;
  }

  /** Whether jobs may come. */
  get takes(): boolean {
    return this.isOpen && this.gate.isOpen;
  }

  get running(): number {
    let sum = 0;
    for (const slots of this.slots.values()) sum += slots.running;
    return sum;
  }

  /** Gives back at once what has not started, and at the deadline what still runs. */
  async drain(deadlineAt: number): Promise<void> {
    this.isOpen = false;
    this.handBack(this.held.all.filter(({ isStarted }) => !isStarted));
    const reason = new HydraError('DRAINING', 'the worker is stopping', { mayHaveRun: true });
    for (const job of this.held.all) job.context.abort(reason);
    await this.held.untilEmpty(deadlineAt);
    const late = this.held.all;
    for (const job of late) this.runner.stop(job, reason);
    this.handBack(late);
  }

  place(job: HeldJob): void {
    const verdict = verdictOf(job.state, job.attempts);
    if (verdict === 'dead') {
      const { history = [], steps } = job.state;
      const reason = history.at(-1)?.error ?? 'lost with its worker';
      this.context.log.warn(
        `dead ${job.pattern}`,
        `job ${job.id} of "${job.pattern}" is a dead letter: ${reason}`,
      );
      // The attempt that it came for is never begun.
      const attempts = job.attempt - 1;
      jobDied(this.context, job, { reason, attempts });
      this.held.record(
        deadOutcome(job, { reason, attempts, history, steps, at: this.link.redisClock.now() }),
        job.id,
      );
    } else if (verdict === 'alone') this.placeAlone(job);
    // Behind one that is alone here it would wait for that to end, while other workers may have nothing to do.
    else if (!this.gate.isOpen) this.held.record(returned(job));
    else {
      this.held.add(job);
      job.slots.pending.push(job);
    }
  }

  /** Starts what has a place; once the worker stops, what came with an exchange that was under way goes back at once. */
  startAll(): void {
    if (!this.isOpen) return this.handBack(this.held.all.filter(({ isStarted }) => !isStarted));
    for (const slots of this.slots.values()) this.startPending(slots);
  }

  /** Others may have a place for what has waited here for too long. */
  handBackOverdue(): void {
    const jobs: HeldJob[] = [];
    const now = this.context.clock.monotonic();
    for (const { pending } of this.slots.values()) {
      // They came in order, so those that wait for too long are in front.
      const fresh = pending.findIndex(({ since }) => now - since <= MAX_PENDING_MS);
      jobs.push(...pending.splice(0, fresh < 0 ? pending.length : fresh));
    }
    for (const job of jobs) this.held.settle(job, returned(job));
  }

  /** Another worker has it, because this one was taken for dead. */
  lose(job: HeldJob): void {
    const error = leaseLostError(job);
    this.context.log.warn(`lost ${this.link.queue}`, error.message);
    this.discard(job, error);
  }

  /** Somebody ended it; nothing happens where it is not held any more. */
  cancel(lease: string, reason: string): void {
    const job = this.held.get(lease);
    if (job) this.discard(job, cancelledError(job, reason));
  }

  private discard(job: HeldJob, error: HydraError): void {
    const { slots } = job;
    const index = slots.pending.indexOf(job);
    if (index >= 0) slots.pending.splice(index, 1);
    if (this.waitsAlone?.job === job) this.waitsAlone.giveUp();
    const hasToken = !job.isStarted && slots.options.rateLimit !== undefined;
    if (hasToken && error.code === 'CANCELLED')
      this.held.record({ what: 'refund', lease: job.lease, pattern: job.pattern });
    if (job.isStarted) {
      this.runner.stop(job, error);
      slots.leave();
      this.gate.leave();
    }
    this.held.drop(job);
    this.startPending(slots);
    this.changed();
  }

  private handBack(jobs: readonly HeldJob[]): void {
    for (const job of jobs) this.held.settle(job, returned(job));
    if (this.waitsAlone?.job.isOver) this.waitsAlone.giveUp();
    for (const slots of this.slots.values()) slots.pending.length = 0;
    this.changed();
  }

  private startPending(slots: PatternSlots<HeldJob>): void {
    if (!this.isOpen) return;
    while (slots.pending.length > 0 && slots.hasPlace && this.gate.isOpen) {
      const job = slots.pending.shift()!;
      slots.enter();
      this.gate.enter();
      this.runner.start(job);
    }
  }

  /** One at a time, and not more often than its share: else others would wait for nothing but it. */
  private placeAlone(job: HeldJob): void {
    const { restMs } = this.gate;
    const waitedAlone = (job.state.waitedAlone ?? 0) + 1;
    const atLeastMs = PUT_OFF_MS * 2 ** Math.min(waitedAlone, MAX_DOUBLINGS);
    if (restMs > 0) {
      this.held.record(
        putOff(job, Math.max(restMs, atLeastMs) * (1 + this.context.random.float() / 2), waitedAlone),
      );
    } else {
      this.held.add(job);
      this.waitAlone(job);
    }
  }

  /** Not for as long as the longest job lasts: it is put off, and whichever worker is free then has it. */
  private waitAlone(job: HeldJob): void {
    const { waitedAlone = 0 } = job.state;
    const waitMs = ALONE_MS * 2 ** Math.min(waitedAlone, MAX_DOUBLINGS);
    const { clock } = this.context;
    const stopWaiting = () => {
      clock.clear(timer);
      this.waitsAlone = undefined;
    };
    const start = () => {
      stopWaiting();
      void this.startAlone(job);
    };
    const giveUp = () => {
      stopWaiting();
      this.gate.giveUp(start);
    };
    const timer = clock.setTimeout(() => {
      if (!job.isOver) this.held.settle(job, putOff(job, waitMs, waitedAlone + 1));
      giveUp();
      this.changed();
    }, waitMs);
    this.waitsAlone = { job, giveUp };
    this.gate.enterAlone(start);
  }

  /** Its state says first that it runs alone: the next worker has to know, should this one die. */
  private async startAlone(job: HeldJob): Promise<void> {
    if (job.isOver) return this.gate.leave();
    job.slots.enter();
    job.prepare();
    const state = JSON.stringify({ ...job.state, alone: true });
    const isHeld = await this.link.writeState(job.lease, job.raw, state).catch(() => false);
    if (job.isOver) return;
    if (isHeld && this.isOpen) this.runner.start(job);
    else this.finished(job, returned(job));
  }

  private finished(job: HeldJob, outcome: LeaseOutcome): void {
    const { slots } = job;
    slots.leave();
    slots.ran(this.context.clock.monotonic() - job.since);
    if (outcome.what === 'done' && job.hasLog) this.link.shortenLog(job.id).catch(() => undefined);
    this.held.settle(job, outcome);
    this.gate.leave();
    this.startPending(slots);
    this.changed();
  }
}
