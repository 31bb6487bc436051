import type { Clock, Timer, TimerOptions } from './clock.js';

/** A time limit that runs. */
export interface TimeLimit {
  /** Rejects when the time has passed; never resolves. */
  readonly expired: Promise<never>;
  /** Stops the clock. `expired` then never settles. */
  readonly cancel: () => void;
}

/** Begins a time limit, for a race with another promise. */
export function rejectAfter(clock: Clock, ms: number, error: () => Error, options?: TimerOptions): TimeLimit {
  let timer: Timer | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = clock.setTimeout(() => reject(error()), ms, options);
  });
  // The race can be over before, and then nothing awaits this promise.
  expired.catch(() => undefined);
  return { expired, cancel: () => clock.clear(timer) };
}

/** Settles as the promise does, or rejects with `error` when it has not within `ms`. */
export async function withTimeout<T>(
  clock: Clock,
  promise: Promise<T>,
  ms: number,
  error: () => Error,
): Promise<T> {
  const { expired, cancel } = rejectAfter(clock, ms, error);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    cancel();
  }
}

/** Whether the promise resolves within `ms`. Rejects when the promise rejects within this time. */
export async function resolvesWithin(clock: Clock, promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: Timer | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = clock.setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clock.clear(timer);
  }
}

/** Resolves after `ms`, or as soon as the signal is aborted. */
export function sleep(
  clock: Clock,
  ms: number,
  options?: TimerOptions & { readonly signal?: AbortSignal },
): Promise<void> {
  const { signal } = options ?? {};
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clock.clear(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimeout(end, ms, options);
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** A signal that is aborted with a `TimeoutError` after `ms`, unless it is cancelled before. */
export function abortAfter(
  clock: Clock,
  ms: number,
): { readonly signal: AbortSignal; readonly cancel: () => void } {
  const controller = new AbortController();
  const abort = () =>
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  const timer = clock.setTimeout(abort, ms);
  return { signal: controller.signal, cancel: () => clock.clear(timer) };
}
