import { RpcException } from '@nestjs/microservices';

import { refuseUnknown, type NamesOf } from '../../hydra-options.js';

/** Options of {@link Retry}. @publicApi */
export interface RetryOptions {
  /** False: nothing failed, and the job has as many attempts left as before. @defaultValue true */
  readonly attempt?: boolean;
}

const RETRY_NAMES = { attempt: true } satisfies NamesOf<RetryOptions>;

/**
 * Returned by a job's handler: not now, try again later. It counts as an attempt, unless it is said not to.
 *
 * @publicApi
 */
export class Retry {
  private constructor(
    readonly delayMs: number,
    readonly isAttempt: boolean,
  ) {}

  /**
   * Makes the next attempt in so many milliseconds, instead of what the backoff says; `NaN` means at once.
   * `Retry.after(60_000, { attempt: false })` waits for something that is not there yet, for as long as it takes.
   *
   * @throws HydraError `BAD_OPTION`
   */
  static after(delayMs: number, options: RetryOptions = {}): Retry {
    refuseUnknown('Retry.after', options, RETRY_NAMES);
    return new Retry(Math.max(0, Math.round(delayMs)), options.attempt !== false);
  }
}

/**
 * Thrown by a job's handler: no further attempt would help. The job becomes a dead letter at once, with this reason.
 *
 * @publicApi
 */
export class DeadLetter extends RpcException {
  constructor(readonly reason: string) {
    super(reason);
  }

  /** Itself, so that it is known again behind Nest's exception filters. */
  override getError(): object {
    return this;
  }
}

const MAX_CHARS = 1_000;

/** What went wrong: from what the handler threw, else from what Nest's filters made of it. Never throws, whatever that is. */
export function reasonOf(thrown: unknown, shown: unknown): string {
  try {
    return fullReason(thrown, shown).slice(0, MAX_CHARS);
  } catch {
    return 'what the handler threw cannot be shown';
  }
}

function fullReason(thrown: unknown, shown: unknown): string {
  if (thrown instanceof DeadLetter) return textOf(thrown.reason);
  if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
  if (thrown !== undefined) return textOf(thrown);
  return textOf(shown);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const message = (value as { message?: unknown } | null | undefined)?.message;
  if (typeof message === 'string') return message;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
