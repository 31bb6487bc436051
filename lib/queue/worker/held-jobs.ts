import { resolvesWithin } from '../../runtime/waiting.js';
import type { Clock } from '../../runtime/clock.js';
import type { HeldJob } from './held-job.js';
import type { Outcome } from './worker-link.js';

/** The jobs that one worker holds, and what became of those it held, as far as Redis has not been told. */
export class HeldJobs {
  private readonly jobs = new Map<string, HeldJob>();
  private outcomes: Outcome[] = [];
  private whenEmpty: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  get all(): HeldJob[] {
    return [...this.jobs.values()];
  }

  /** How many leases Redis should have: of jobs that are held, and of those whose end it has not been told. */
  get leases(): number {
    return this.jobs.size + this.outcomes.length;
  }

  has(lease: string): boolean {
    return this.jobs.has(lease);
  }

  add(job: HeldJob): void {
    this.jobs.set(job.lease, job);
  }

  /** It is nobody's here any more, and there is nothing to tell. */
  drop(job: HeldJob): void {
    this.jobs.delete(job.lease);
    if (this.jobs.size === 0) this.whenEmpty?.();
  }

  /** What became of it is told with the next turn. */
  settle(job: HeldJob, outcome: Outcome): void {
    job.isOver = true;
    this.outcomes.push(outcome);
    this.drop(job);
  }

  /** The same of a job that came, and was not held. */
  tell(outcome: Outcome): void {
    this.outcomes.push(outcome);
  }

  get untold(): readonly Outcome[] {
    return this.outcomes;
  }

  takeUntold(most: number): Outcome[] {
    return this.outcomes.splice(0, most);
  }

  /** Forgets what became of jobs that are not its own any more; gives how many of those Redis had not been told. */
  forgetUntold(kept: ReadonlySet<string>): number {
    const gone = this.outcomes.filter(({ lease }) => !kept.has(lease));
    if (gone.length > 0) this.outcomes = this.outcomes.filter(({ lease }) => kept.has(lease));
    return gone.filter(({ isRepeated }) => isRepeated !== true).length;
  }

  /** Nobody knows whether they were heard. */
  putBack(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) outcome.isRepeated = true;
    this.outcomes = [...outcomes, ...this.outcomes];
  }

  /** Resolves when none is held any more, or at the deadline. */
  async untilEmpty(deadlineAt: number): Promise<void> {
    if (this.jobs.size === 0) return;
    const empty = new Promise<void>((resolve) => (this.whenEmpty = resolve));
    await resolvesWithin(this.clock, empty, Math.max(0, deadlineAt - this.clock.monotonic()));
  }
}
