import { LONGEST_TIMER_MS } from '../hydra-options.js';

/** A promise that rejects after a time, and the way to let it be. */
export function expiry(
  ms: number,
  error: () => Error,
): { readonly signal: Promise<never>; readonly end: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const signal = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(error()), Math.min(ms, LONGEST_TIMER_MS));
  });
  return { signal, end: () => clearTimeout(timer) };
}
