import { HydraError } from '../../hydra-error.js';
import type { Clock } from '../../runtime/clock.js';
import { withTimeout } from '../../runtime/waiting.js';

/** How long to wait for the result of a job. @publicApi */
export interface ResultOptions {
  /** How long to wait, in milliseconds. @defaultValue `timeoutMs` of the module */
  readonly timeoutMs?: number;
}

/**
 * A job that Redis has stored.
 *
 * @publicApi
 */
export interface QueuedJob<Result = unknown> {
  /** The id of the job. */
  readonly id: string;
  /** False when a job with the same `id` was there before. */
  readonly isNew: boolean;
  /**
   * Waits for the end of the job, and resolves with the return value of its handler.
   *
   * @throws HydraError `DEAD_LETTER` with the reason; `CANCELLED` when it was removed; `REPLY_LOST` when it has ended
   * and its outcome is not known: a Hydra 1.x worker ran it, or its outcome is not kept any more; `TIMEOUT` when it has
   * not ended by then, or Redis was away for all that time: it says so where no worker has a handler; `BAD_OPTION`; `CLOSED`
   */
  result(options?: ResultOptions): Promise<Result>;
}

/**
 * What `add` gives: a promise of the stored job, which may be asked for its result at once.
 *
 * @publicApi
 */
export type AddedJob<Result = unknown> = Promise<QueuedJob<Result>> & Pick<QueuedJob<Result>, 'result'>;

/** A job, with the wait for its result by the clock of whoever began to wait before it was stored. */
export class StoredJob<Result> implements QueuedJob<Result> {
  /** What is not the user's to see is not printed either. */
  readonly #resultSince: (startedAt: number, timeoutMs: number) => Promise<Result>;

  constructor(
    readonly id: string,
    readonly isNew: boolean,
    readonly result: QueuedJob<Result>['result'],
    resultSince: (startedAt: number, timeoutMs: number) => Promise<Result>,
  ) {
    this.#resultSince = resultSince;
  }

  resultSince(startedAt: number, timeoutMs: number): Promise<Result> {
    return this.#resultSince(startedAt, timeoutMs);
  }
}

/** @throws HydraError `TIMEOUT` when Redis has not confirmed it in time; it may have been stored */
export async function storedWithin<Result>(
  clock: Clock,
  stored: Promise<StoredJob<Result>>,
  timeoutMs: number,
): Promise<StoredJob<Result>> {
  const text = `the job whose result is awaited was not stored within timeoutMs=${timeoutMs}`;
  return withTimeout(clock, stored, timeoutMs, () => new HydraError('TIMEOUT', text));
}

/** Rejects once nothing is under way any more, and says so where some were added. */
export async function allAdded(adding: readonly Promise<boolean>[]): Promise<boolean[]> {
  // Those that travel together share one promise.
  const commands = [...new Set(adding)];
  const outcomes = await Promise.allSettled(commands);
  const failures = outcomes
    .filter((outcome) => outcome.status === 'rejected')
    .map(({ reason }) => reason as unknown);
  if (failures.length === 0) {
    const added = new Map(commands.map((command, index) => [command, isTrue(outcomes[index]!)]));
    return adding.map((command) => added.get(command)!);
  }
  const isPartial = failures.length < outcomes.length;
  const worst = failures.find((error) => error instanceof HydraError && error.mayHaveRun) ?? failures[0];
  throw isPartial && worst instanceof HydraError ? worst.begun() : worst;
}

function isTrue(outcome: PromiseSettledResult<boolean>): boolean {
  return outcome.status === 'fulfilled' && outcome.value;
}
