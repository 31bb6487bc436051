import { setTimeout as sleep } from 'node:timers/promises';

import { scaled } from './pace.js';

export interface EventuallyOptions {
  /** What is awaited, as it should read in the failure. */
  what: string;
  /** On a quiet machine; on a busy one it waits for as much longer as that is slower. @defaultValue 5000 */
  timeoutMs?: number;
  /** @defaultValue 20 */
  everyMs?: number;
}

/** Polls until `probe` neither throws nor returns something falsy, and returns what it returned. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { what, timeoutMs = 5_000, everyMs = 20 }: EventuallyOptions,
): Promise<NonNullable<T>> {
  const startedAt = performance.now();
  const isOver = () => {
    const waitedMs = performance.now() - startedAt;
    return waitedMs >= timeoutMs && waitedMs >= scaled(timeoutMs, startedAt);
  };
  let lastFailure: unknown;
  do {
    try {
      const value = await probe();
      if (value) return value;
      lastFailure = `got ${String(value)}`;
    } catch (error) {
      lastFailure = error;
    }
    await sleep(everyMs);
  } while (!isOver());
  const reason = lastFailure instanceof Error ? lastFailure.message : String(lastFailure);
  const waitedMs = Math.round(performance.now() - startedAt);
  throw new Error(`waited ${waitedMs} ms in vain for ${what}; last: ${reason}`, { cause: lastFailure });
}
