import type { BoundHandler } from '../../delivery/source.js';
import type { ResolvedJobOptions } from '../../hydra-options.js';

/** So much work, in milliseconds, is fetched ahead of the jobs that run. */
const AHEAD_MS = 5;
const MAX_AHEAD = 100;
/** Moving average over about this many jobs. */
const WINDOW = 20;

/** The jobs of one pattern in one worker: how many run, how many wait for a place. */
export class PatternSlots<Job> {
  readonly pending: Job[] = [];
  private taken = 0;
  /** Taken for slow until it is known. */
  private averageMs = 100;

  constructor(
    readonly bound: BoundHandler,
    readonly options: ResolvedJobOptions,
  ) {}

  get pattern(): string {
    return this.bound.pattern;
  }

  get running(): number {
    return this.taken;
  }

  /** Jobs it can hold beyond those it has: free places, and for quick jobs some to go on with while Redis is asked. */
  get room(): number {
    return Math.max(0, this.options.concurrency + this.ahead - this.taken - this.pending.length);
  }

  get hasPlace(): boolean {
    return this.taken < this.options.concurrency;
  }

  enter(): void {
    this.taken++;
  }

  leave(): void {
    this.taken--;
  }

  /** How long a job of it took. */
  ran(ms: number): void {
    this.averageMs += (ms - this.averageMs) / WINDOW;
  }

  /** Slow jobs are not fetched ahead: they would wait here while another worker has nothing to do. */
  private get ahead(): number {
    if (this.options.rateLimit) return 0;
    const jobsPerMs = this.options.concurrency / Math.max(this.averageMs, 0.001);
    return Math.min(MAX_AHEAD, Math.floor(AHEAD_MS * jobsPerMs));
  }
}
