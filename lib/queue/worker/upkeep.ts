import { JobSearch } from '../producer/job-search.js';
import { Leftovers } from '../upkeep/leftovers.js';
import type { HeldJob } from './held-job.js';
import type { LocalJobs } from './local-jobs.js';
import { FORGET_EVERY_MS } from '../model/retention.js';
import type { WorkerContext, WorkerLink } from './worker-link.js';

/** What a worker does for its queue beside taking jobs: it shows that it lives, recovers what others lost, and tidies up. */
export class Upkeep {
  private hasToRun = true;
  private forgotAt: number;
  private readonly leftovers: Leftovers;

  constructor(
    private readonly context: WorkerContext,
    private readonly link: WorkerLink,
    private readonly jobs: LocalJobs,
    /** The patterns this worker has handlers for. */
    private readonly served: readonly string[],
  ) {
    this.forgotAt = context.clock.monotonic();
    this.leftovers = new Leftovers(context, link.keys, new JobSearch(link.redis, link.keys));
  }

  get isDue(): boolean {
    return this.hasToRun;
  }

  /** It runs before the next exchange. */
  request(): void {
    this.hasToRun = true;
  }

  /**
   * Renews this worker's life, recovers what others lost, and compares what Redis says it holds with what it knows. Gives
   * the patterns that workers have handlers for, and how many others have jobs set aside.
   */
  async run(): Promise<{ readonly served: ReadonlySet<string>; readonly unserved: number }> {
    const { held } = this.jobs;
    const [lost, leases, patterns, , hasMore, unserved] = await this.link.recover(this.served);
    this.hasToRun = hasMore === 1;
    this.tell(lost);
    const kept = new Set(leases);
    await this.release(held.all.filter((job) => !kept.has(job.lease)));
    const late = await this.link.lateAmong(held.forgetUnsent(kept));
    if (late > 0)
      this.context.log.warn(
        `late ${this.link.queue}`,
        `${late} outcomes came too late: other workers had the jobs`,
      );
    for (const { outcome } of held.unsent) kept.delete(outcome.lease);
    const unknown = [...kept].filter((lease) => !held.has(lease));
    if (unknown.length > 0) await this.link.giveBack(unknown);
    await this.forget();
    return { served: new Set(patterns), unserved };
  }

  /** Those that were cancelled, and the worker was not told, and those that others have. */
  private async release(gone: readonly HeldJob[]): Promise<void> {
    const reasons = gone.length > 0 ? await this.link.cancellations(gone.map(({ id }) => id)) : [];
    gone.forEach((job, index) => {
      const reason = reasons[index];
      if (reason === undefined) this.jobs.lose(job);
      else this.jobs.cancel(job.lease, reason);
    });
  }

  private tell(lost: readonly string[]): void {
    for (let i = 0; i < lost.length; i += 4) {
      const [worker, count, silentMs, isConnected] = lost.slice(i, i + 4);
      if (count === '0') continue;
      const why = isConnected
        ? `was connected and silent for ${silentMs} ms: its event loop was blocked, or the process was frozen`
        : 'died';
      this.context.log.warn(
        `${isConnected ? 'blocked' : 'recovered'} ${this.link.queue}`,
        `recovered ${count} jobs of ${worker}, which ${why}`,
      );
    }
  }

  private async forget(): Promise<void> {
    void this.leftovers.sweepWhenDue();
    if (this.context.clock.monotonic() - this.forgotAt < FORGET_EVERY_MS) return;
    await this.link.retention.run();
    this.forgotAt = this.context.clock.monotonic();
  }
}
