import type { Clock } from '../../runtime/clock.js';
import { resolvesWithin } from '../../runtime/waiting.js';
import type { LeaseOutcome } from '../scripts/lease-outcome.js';
import type { HeldJob } from './held-job.js';

/** An outcome that is to be sent. */
export interface UnsentOutcome {
  readonly outcome: LeaseOutcome;
  /** The id of its job; '' where nobody could ask for it. */
  readonly id: string;
  /** It was sent before, and no answer came: the lease may be gone because it was heard. */
  readonly isRepeated: boolean;
}

/** The jobs that one worker holds, and what became of those it held, as far as Redis has not been told. */
export class HeldJobs {
  private readonly jobs = new Map<string, HeldJob>();
  private outcomes: UnsentOutcome[] = [];
  /** How many of the outcomes end no lease. */
  private refunds = 0;
  private whenEmpty: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  get all(): HeldJob[] {
    return [...this.jobs.values()];
  }

  /** How many leases Redis should have: of jobs that are held, and of those whose end it has not been told. */
  get leases(): number {
    return this.jobs.size + this.outcomes.length - this.refunds;
  }

  has(lease: string): boolean {
    return this.jobs.has(lease);
  }

  get(lease: string): HeldJob | undefined {
    return this.jobs.get(lease);
  }

  add(job: HeldJob): void {
    this.jobs.set(job.lease, job);
  }

  /** It is nobody's here any more, and there is nothing to tell. */
  drop(job: HeldJob): void {
    job.end();
    this.jobs.delete(job.lease);
    if (this.jobs.size === 0) this.whenEmpty?.();
  }

  /** What became of it is sent with the next exchange. */
  settle(job: HeldJob, outcome: LeaseOutcome): void {
    this.record(outcome, job.id);
    this.drop(job);
  }

  /** The same of a job that came, and was not held. */
  record(outcome: LeaseOutcome, id = ''): void {
    if (outcome.what === 'refund') this.refunds++;
    this.outcomes.push({ outcome, id, isRepeated: false });
  }

  get unsent(): readonly UnsentOutcome[] {
    return this.outcomes;
  }

  takeUnsent(atMost: number): UnsentOutcome[] {
    const taken = this.outcomes.splice(0, atMost);
    if (this.refunds > 0) this.refunds -= refundsIn(taken);
    return taken;
  }

  /** Forgets what became of jobs that are not its own any more; gives those of which Redis had not been told. */
  forgetUnsent(kept: ReadonlySet<string>): UnsentOutcome[] {
    const isGone = ({ outcome }: UnsentOutcome) => outcome.what !== 'refund' && !kept.has(outcome.lease);
    const gone = this.outcomes.filter(isGone);
    if (gone.length > 0) this.outcomes = this.outcomes.filter((unsent) => !isGone(unsent));
    return gone.filter(({ isRepeated }) => !isRepeated);
  }

  /** Nobody knows whether they were heard. */
  requeue(outcomes: readonly UnsentOutcome[]): void {
    // Redis may have heard it, and a token that is given back twice would let too many start.
    const again = outcomes.filter(({ outcome }) => outcome.what !== 'refund');
    const repeated = again.map(({ outcome, id }) => ({ outcome, id, isRepeated: true }));
    this.outcomes = [...repeated, ...this.outcomes];
  }

  /** Resolves when none is held any more, or at the deadline. */
  async untilEmpty(deadlineAt: number): Promise<void> {
    if (this.jobs.size === 0) return;
    const empty = new Promise<void>((resolve) => (this.whenEmpty = resolve));
    await resolvesWithin(this.clock, empty, Math.max(0, deadlineAt - this.clock.monotonic()));
  }
}

function refundsIn(outcomes: readonly UnsentOutcome[]): number {
  return outcomes.filter(({ outcome }) => outcome.what === 'refund').length;
}
