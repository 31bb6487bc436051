import type { Subscription } from 'rxjs';

import { WithDeadline } from '../../delivery/deadline-wheel.js';
import { HydraError } from '../../hydra-error.js';
import { callUserCode } from '../../runtime/user-code.js';
import { HydraJobContext, type JobFacts } from './hydra-job-context.js';
import { attemptOf, readState, type JobState } from '../model/job-state.js';
import { addedAt, enqueuedAt, type ReadJob } from '../model/job-text.js';
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

/** Where a job notes what its handler tells. */
export interface Notes {
  report(job: HeldJob, value: unknown): Promise<void>;
  log(job: HeldJob, text: unknown): Promise<void>;
  step<T>(job: HeldJob, name: string, run: () => T | Promise<T>): Promise<T>;
}

/**
 * How far it is: pending → running → over, and from each of them over at once, where it goes back or is another worker's. One
 * that is to run alone is starting in between, while Redis notes that.
 */
type Life =
  | { readonly is: 'pending' | 'starting' | 'over'; readonly since: number }
  | { readonly is: 'running'; readonly since: number; readonly stream?: Subscription };

/** One job leased to this worker. */
export class HeldJob extends WithDeadline implements JobFacts {
  private life: Life;
  private remembered: JobState;
  readonly id: string;
  private known: HydraJobContext | undefined;
  private wasStarted = false;
  /** Whether it has lines, or may have. */
  hasLog = false;

  readonly fence: number;
  /** What the lease is called in Redis. */
  readonly lease: string;
  private readonly job: ReadJob;

  constructor(
    taken: TakenJob,
    readonly slots: PatternSlots<HeldJob>,
    private readonly notes: Notes,
  ) {
    super();
    this.job = taken.job;
    this.fence = taken.fence;
    this.lease = taken.lease;
    this.life = { is: 'pending', since: taken.takenAt };
    this.remembered = readState(taken.stateText);
    this.id = taken.job.id || `job-${taken.fence}`;
  }

  get context(): HydraJobContext {
    return (this.known ??= new HydraJobContext([this]));
  }

  get state(): JobState {
    return this.remembered;
  }

  /** The queue that it came from. */
  get queue(): string {
    return this.slots.options.queue;
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

  get addedAt(): number {
    return addedAt(this.job.message);
  }

  get attempt(): number {
    return attemptOf(this.state);
  }

  get isFirstStart(): boolean {
    return this.attempt === 1 && !this.state.begun;
  }

  /** Whether its handler was called here. */
  get hasBegun(): boolean {
    return this.wasStarted;
  }

  /** What its producer asked for overrides what its handler says. */
  get attempts(): number {
    return this.job.settings.attempts ?? this.slots.options.attempts;
  }

  get backoff() {
    return this.job.settings.backoff ?? this.slots.options.backoff;
  }

  get timeoutMs(): number {
    return this.job.settings.timeoutMs ?? this.slots.options.timeoutMs;
  }

  /** It has begun, or is about to: it has a place. */
  get isStarted(): boolean {
    return this.life.is === 'running' || this.life.is === 'starting';
  }

  /** Nobody wants its outcome any more: it was settled, or is no longer ours. */
  get isOver(): boolean {
    return this.life.is === 'over';
  }

  /** By `clock.monotonic()`. */
  get deadlineAt(): number {
    return this.life.is === 'running' && this.timeoutMs > 0 ? this.life.since + this.timeoutMs : Infinity;
  }

  /** Since when it has been here, or has been running. By `clock.monotonic()`. */
  get since(): number {
    return this.life.since;
  }

  prepare(): void {
    this.life = { is: 'starting', since: this.life.since };
  }

  start(now: number): void {
    this.wasStarted = true;
    this.life = { is: 'running', since: now };
    this.context.begin(now);
  }

  /** What its handler gives comes by a stream, which ends with it. */
  follow(stream: Subscription): void {
    if (this.life.is === 'running') this.life = { ...this.life, stream };
    else this.unsubscribe(stream);
  }

  /** It has ended, or is not to be. Later calls change nothing. */
  end(): void {
    if (!this.isOver) this.life = { is: 'over', since: this.life.since };
  }

  /**
   * Ends it, aborts its handler's signal, and ends the stream that the handler gives. In this order: a handler that its signal
   * ends at once would end the job a second time.
   */
  stop(reason: HydraError): void {
    const { life } = this;
    this.end();
    this.context.abort(reason);
    if (life.is === 'running' && life.stream) this.unsubscribe(life.stream);
  }

  /** What a teardown throws is the handler's affair, and must not end this process. */
  private unsubscribe(stream: Subscription): void {
    callUserCode(`the teardown of "${this.pattern}"`, () => stream.unsubscribe());
  }

  report(value: unknown): Promise<void> {
    return this.notes.report(this, value);
  }

  log(text: unknown): Promise<void> {
    return this.notes.log(this, text);
  }

  step<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    return this.notes.step(this, name, run);
  }

  keepStep(name: string, text: string): void {
    this.remembered = { ...this.remembered, steps: { ...this.remembered.steps, [name]: text } };
  }
}

export function cancelledError({ id, pattern }: HeldJob, reason: string): HydraError {
  return new HydraError('CANCELLED', `job ${id} of "${pattern}" was cancelled: ${reason}`);
}

export function leaseLostError({ id, pattern }: HeldJob): HydraError {
  return new HydraError('LEASE_LOST', `job ${id} of "${pattern}" is another worker's by now`);
}
