import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** What is awaited, as it should read in the failure. */
  what: string;
  /** Long enough for a machine that is busy: only what fails waits for so long. @defaultValue 15000 */
  timeoutMs?: number;
  /** @defaultValue 20 */
  everyMs?: number;
}

/** Polls until `probe` neither throws nor returns something falsy, and returns what it returned. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { what, timeoutMs = 15_000, everyMs = 20 }: EventuallyOptions,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
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
  } while (performance.now() < deadline);
  const reason = lastFailure instanceof Error ? lastFailure.message : String(lastFailure);
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}; last: ${reason}`, { cause: lastFailure });
}
