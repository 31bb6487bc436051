import type { Subscription } from 'rxjs';

import { WithDeadline } from '../../delivery/deadline-wheel.js';
import { HydraError } from '../../hydra-error.js';
import { callUserCode } from '../../runtime/user-code.js';
import { HydraJobContext, type JobFacts } from './hydra-job-context.js';
import { attemptOf, readState, type JobState } from '../model/job-state.js';
import { enqueuedAt, type ReadJob } from '../model/job-text.js';
import type { PatternSlots } from './pattern-slots.js';

/** What comes from Redis with a job. */
export interface TakenJob {
  readonly job: ReadJob;
  readonly fence: number;
  readonly lease: string;
  readonly stateText: string | null;
  /** When it came here, by `clock.monotonic()`. */
  readonly takenAt: number;
}

/** One job leased to this worker. */
export class HeldJob extends WithDeadline implements JobFacts {
  deadlineAt = Infinity;
  /** When it came here, then when it started. By `clock.monotonic()`. */
  since: number;
  isStarted = false;
  /** Nobody wants its outcome any more: it was settled, or is no longer ours. */
  isOver = false;
  subscription: Subscription | undefined;
  readonly state: JobState;
  readonly id: string;
  private known: HydraJobContext | undefined;

  readonly fence: number;
  /** What the lease is called in Redis. */
  readonly lease: string;
  private readonly job: ReadJob;

  constructor(
    taken: TakenJob,
    readonly lane: PatternSlots<HeldJob>,
    private readonly reporter: (job: HeldJob, value: unknown) => Promise<void>,
  ) {
    super();
    this.job = taken.job;
    this.fence = taken.fence;
    this.lease = taken.lease;
    this.since = taken.takenAt;
    this.state = readState(taken.stateText);
    this.id = taken.job.id || `job-${taken.fence}`;
  }

  get context(): HydraJobContext {
    return (this.known ??= new HydraJobContext([this]));
  }

  get raw(): string {
    return this.job.raw;
  }

  get pattern(): string {
    return this.job.pattern;
  }

  get data(): unknown {
    return this.job.data;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.job.headers;
  }

  get message() {
    return this.job.message;
  }

  get enqueuedAt(): Date {
    return enqueuedAt(this.job.message);
  }

  get attempt(): number {
    return attemptOf(this.state);
  }

  /** What its producer asked for goes before what its handler says. */
  get attempts(): number {
    return this.job.settings.attempts ?? this.lane.options.attempts;
  }

  get backoff() {
    return this.job.settings.backoff ?? this.lane.options.backoff;
  }

  get timeoutMs(): number {
    return this.job.settings.timeoutMs ?? this.lane.options.timeoutMs;
  }

  /** Ends the handler's stream. What its teardown throws is the handler's affair, and must not end this process. */
  unsubscribe(): void {
    callUserCode(`the teardown of "${this.pattern}"`, () => this.subscription?.unsubscribe());
  }

  report(value: unknown): Promise<void> {
    return this.reporter(this, value);
  }
}

export function leaseLostError({ id, pattern }: HeldJob): HydraError {
  return new HydraError('LEASE_LOST', `job ${id} of "${pattern}" is another worker's by now`);
}
