import { isObservable } from 'rxjs';

import type { Stamp } from '../../protocol/message.js';
import { DeadlineWheel } from '../../delivery/deadline-wheel.js';
import { handlerObservable } from '../../delivery/handler-observable.js';
import type { Dispatch } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import { outside } from '../../runtime/async-context.js';
import { ThrottledLogger } from '../../runtime/throttled-logger.js';
import { failureGroup } from '../failures/failure-group.js';
import { backoffMs, PLAIN_BACKOFF, wholeMs } from './backoff.js';
import { writeDeadLetter, writeForeign } from '../model/dead-letter.js';
import type { HeldJob } from './held-job.js';
import { jobDied } from './job-died.js';
import { resultText, writeCompleted, type JobEvent } from '../model/job-event.js';
import { notedAddedAt } from '../model/job-text.js';
import { withFailure, type JobFailure, type JobState } from '../model/job-state.js';
import { DeadLetter, reasonOf, Retry } from '../model/outcome.js';
import type { RedisClock } from '../model/redis-clock.js';
import type { LeaseOutcome } from '../scripts/lease-outcome.js';
import type { WorkerContext } from './worker-link.js';

/** Runs jobs through their handlers, and says what becomes of each. */
export class JobRunner {
  private readonly deadlines: DeadlineWheel<HeldJob>;
  /** Of its own: reasons of failures are of any number, and must not keep other warnings out of the log. */
  private readonly failures: ThrottledLogger;

  constructor(
    private readonly context: Pick<WorkerContext, 'id' | 'clock' | 'random' | 'log' | 'options' | 'metrics'>,
    private readonly dispatch: Dispatch,
    private readonly redisClock: RedisClock,
    private readonly finished: (job: HeldJob, outcome: LeaseOutcome) => void,
  ) {
    this.deadlines = new DeadlineWheel(context.clock, (job) => this.expire(job));
    this.failures = new ThrottledLogger(context.clock);
  }

  start(job: HeldJob): void {
    job.start(this.context.clock.monotonic());
    if (job.timeoutMs > 0) this.deadlines.add(job);
    void this.run(job);
  }

  /** Nobody wants its outcome any more: the signal aborts, and what it still does is not heard. */
  stop(job: HeldJob, reason: HydraError): void {
    this.deadlines.remove(job);
    job.stop(reason);
    this.dispatch.settled(job.context);
  }

  private async run(job: HeldJob): Promise<void> {
    try {
      const result = await this.dispatch.run(job.slots.bound, job.data, job.context);
      if (!isObservable(result)) return this.complete(job, result);
      let last: unknown;
      // Its end is told in the handler's context; what follows is the worker's affair.
      const observer = {
        next: (value: unknown) => (last = value),
        error: (error: unknown) => outside(() => this.fail(job, error)),
        complete: () => outside(() => this.complete(job, last)),
      };
      job.follow(job.context.enter(() => handlerObservable(result).subscribe(observer)));
    } catch (error) {
      this.fail(job, error);
    }
  }

  private complete(job: HeldJob, result: unknown): void {
    if (job.isOver) return;
    job.context.completed();
    if (result instanceof Retry) return this.tryLater(job, result);
    const { id, pattern, attempt, lease, message } = job;
    const { id: worker, options } = this.context;
    const now = this.context.clock.monotonic();
    const finishedOn = this.redisClock.at(now);
    const tookMs = Math.round((now - job.since) * 100) / 100;
    const about = { id, pattern, attempt, finishedOn, tookMs, worker, addedOn: message.timestamp };
    const kept = options.queue.completed.data ? job.raw : undefined;
    const event = writeCompleted(about, this.resultOf(job, result), kept);
    this.finish(job, { what: 'done', lease, id, event });
  }

  /** The work is done: a result that cannot be told must not have it done again. */
  private resultOf({ id, pattern }: HeldJob, result: unknown): string | undefined {
    try {
      return resultText(pattern, result, this.context.options.maxPayloadBytes);
    } catch (error) {
      const outcome = `job ${id} of "${pattern}" is completed without its result`;
      this.context.log.warn(`result ${pattern}`, `${outcome}: ${reasonOf(error, error)}`);
      return undefined;
    }
  }

  private fail(job: HeldJob, shown: unknown): void {
    if (job.isOver) return;
    const { context } = job;
    // It was told to stop, and did: that is no failure.
    if (context.isAborted) return this.finish(job, returned(job));
    const thrown = context.failure ?? shown;
    context.failed(thrown);
    const reason = reasonOf(thrown, shown);
    if (thrown instanceof DeadLetter) this.giveUp(job, reason);
    else this.retry(job, reason);
  }

  private tryLater(job: HeldJob, { delayMs, isAttempt }: Retry): void {
    if (isAttempt) this.retry(job, 'asked to be tried again', delayMs);
    else this.finish(job, putOff(job, delayMs));
  }

  private expire(job: HeldJob): void {
    if (job.isOver) return;
    const error = new HydraError('TIMEOUT', `"${job.pattern}" ran longer than timeoutMs=${job.timeoutMs}`);
    job.stop(error);
    this.retry(job, error.message);
  }

  private retry(job: HeldJob, reason: string, delayMs?: number): void {
    const { attempt, lease, id, pattern } = job;
    if (attempt >= job.attempts) return this.giveUp(job, reason);
    const retryInMs = wholeMs(delayMs ?? this.backoffOf(job, reason));
    // What a handler asks for is not news.
    if (delayMs === undefined) this.tellOfFailure(job, reason, retryInMs);
    const state = failed(job.state, reason, this.redisClock.now());
    const event: JobEvent = { type: 'failed', id, pattern, attempt, error: reason, retryInMs };
    this.finish(job, {
      what: 'retry',
      lease,
      ...identityOf(job),
      delayMs: retryInMs,
      state,
      event: JSON.stringify(event),
    });
  }

  private tellOfFailure({ attempt, id, pattern }: HeldJob, reason: string, retryInMs: number): void {
    const next = `the next is in ${retryInMs} ms`;
    this.failures.warn(
      `failed ${pattern} ${failureGroup(reason)}`,
      `attempt ${attempt} of job ${id} of "${pattern}" failed, ${next}: ${reason}`,
    );
  }

  /** An error in a user's function must not cost the job, nor the process. */
  private backoffOf({ backoff, attempt, pattern }: HeldJob, reason: string): number {
    const { random } = this.context;
    try {
      return backoffMs(backoff, attempt, reason, random);
    } catch (error) {
      this.context.log.warn(
        'backoff',
        `backoff of "${pattern}" failed, the default is used: ${reasonOf(error, error)}`,
      );
      return backoffMs(PLAIN_BACKOFF, attempt, reason, random);
    }
  }

  private giveUp(job: HeldJob, reason: string): void {
    const state = failed(job.state, reason, this.redisClock.now());
    this.failures.warn(
      `dead ${job.pattern} ${failureGroup(reason)}`,
      `job ${job.id} of "${job.pattern}" is a dead letter: ${reason}`,
    );
    const { attempt: attempts } = job;
    const { history = [], steps } = state;
    jobDied(this.context, job, { reason, attempts });
    this.finish(job, deadOutcome(job, { reason, attempts, history, steps, at: this.redisClock.now() }));
  }

  private finish(job: HeldJob, outcome: LeaseOutcome): void {
    this.deadlines.remove(job);
    job.end();
    this.dispatch.settled(job.context);
    this.finished(job, outcome);
  }
}

function failed(state: JobState, error: string, at: number): JobState {
  return withFailure(state, { at, error });
}

/** To its place in the line, as if it had not been taken. */
export function returned(job: HeldJob): LeaseOutcome {
  const { alone, unhandledSince, ...state } = withStart(job);
  const isOther = alone || unhandledSince !== undefined || state.begun !== job.state.begun;
  const { lease, hasBegun } = job;
  return { what: 'return', lease, state: isOther ? state : undefined, hasBegun };
}

/** Its next start is not its first, though no attempt counts. */
function withStart({ state, hasBegun, isFirstStart }: HeldJob): JobState {
  return hasBegun && isFirstStart ? { ...state, begun: true } : state;
}

/** Later, as if it had not been taken. A handler for it is here: it no longer waits for one. */
export function putOff(job: HeldJob, delayMs: number, waitedAlone = job.state.waitedAlone): LeaseOutcome {
  const { alone, unhandledSince, ...state } = withStart(job);
  const kept = { ...state, ...(waitedAlone !== undefined && { waitedAlone }) };
  const identity = identityOf(job);
  return { what: 'retry', lease: job.lease, ...identity, delayMs: wholeMs(delayMs), state: kept, event: '' };
}

/** By which it is found while it waits. */
function identityOf({ message }: HeldJob): { readonly id: string; readonly addedAt: number } {
  return { id: message.mid, addedAt: notedAddedAt(message) };
}

/** Why a job is given up, and when. */
export interface Death {
  readonly reason: string;
  /** Attempts that were begun. */
  readonly attempts: number;
  readonly history: readonly JobFailure[];
  readonly steps?: JobState['steps'];
  /** Unix time in milliseconds, by the clock of Redis. */
  readonly at: number;
}

/** Given up, and kept for a person. Never throws: what cannot be told must end nevertheless. */
export function deadOutcome(
  job: Pick<HeldJob, 'id' | 'pattern' | 'lease' | 'message' | 'raw'>,
  { reason, attempts, history, at, steps }: Death,
): LeaseOutcome {
  const { id, pattern, lease, message } = job;
  const diedOn = new Date(at).toISOString();
  const letter = writeDeadLetter(job, { reason, diedOn, attempts, history, ...(steps && { steps }) });
  const { timestamp: addedOn } = message;
  const event: JobEvent = { type: 'dead', id, pattern, attempt: attempts, error: reason, addedOn };
  return { what: 'dead', lease, id, letter, event: JSON.stringify(event) };
}

export const FOREIGN = 'not a UMF message';

/** What somebody put there that is no message. */
export function deadForeign(stamp: Stamp, service: string, lease: string, raw: string): LeaseOutcome {
  const letter = writeForeign(service, raw, stamp, FOREIGN);
  return { what: 'dead', lease, id: stamp.mid, letter, event: '' };
}
