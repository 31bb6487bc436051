import type { HeldJob } from './held.job.js';
import type { Outcome } from './worker.link.js';

/** The jobs that one worker holds, and what became of those it held, as far as Redis has not been told. */
export class HeldJobs {
  private readonly jobs = new Map<number, HeldJob>();
  private outcomes: Outcome[] = [];
  private whenEmpty: (() => void) | undefined;

  get all(): HeldJob[] {
    return [...this.jobs.values()];
  }

  has(fence: number): boolean {
    return this.jobs.has(fence);
  }

  add(job: HeldJob): void {
    this.jobs.set(job.fence, job);
  }

  /** It is nobody's here any more, and there is nothing to tell. */
  drop(job: HeldJob): void {
    this.jobs.delete(job.fence);
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

  /** Nobody knows whether they were heard. */
  putBack(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) outcome.isRepeated = true;
    this.outcomes = [...outcomes, ...this.outcomes];
  }

  /** Resolves when none is held any more, or at the deadline. */
  untilEmpty(deadlineAt: number): Promise<void> {
    if (this.jobs.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadlineAt - performance.now()));
      this.whenEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
