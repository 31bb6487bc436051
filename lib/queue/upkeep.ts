import { RareLog } from '../delivery/rare.log.js';
import type { Parking } from './parking.js';
import type { WorkerLink } from './worker.link.js';

const FORGET_EVERY_MS = 10_000;
/** Outcomes and dead letters looked at, and forgotten, by one script at most. */
const BATCH = 500;

/** What a worker does for its queue beside taking jobs: it shows that it lives, recovers what others lost, and tidies up. */
export class Upkeep {
  isDue = true;
  private readonly log = new RareLog();
  private forgotAt = performance.now();
  private forgetFrom = 0;

  constructor(
    private readonly link: WorkerLink,
    private readonly parking: Parking,
    /** The patterns this worker has handlers for. */
    private readonly served: readonly string[],
  ) {}

  /**
   * Renews this worker's life, recovers what others lost, and compares what Redis says it holds with what it knows. Gives
   * the patterns that workers have handlers for.
   */
  async run(): Promise<readonly string[]> {
    const { held } = this.parking;
    const [returned, fences, patterns] = await this.link.recover(this.served);
    this.isDue = false;
    if (returned > 0) this.log.warn('recovered', `recovered ${returned} jobs of workers that died`);
    const kept = new Set(fences.map(Number));
    for (const job of held.all) if (!kept.has(job.fence)) this.parking.lose(job);
    for (const { fence } of held.untold) kept.delete(fence);
    const unknown = [...kept].filter((fence) => !held.has(fence));
    if (unknown.length > 0) await this.link.giveBack(unknown.map(String));
    await this.forget();
    return patterns;
  }

  private async forget(): Promise<void> {
    if (performance.now() - this.forgotAt < FORGET_EVERY_MS) return;
    this.forgotAt = performance.now();
    [, this.forgetFrom] = await this.link.forgetOld(Date.now(), BATCH, this.forgetFrom);
  }
}
