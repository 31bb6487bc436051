import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage<number>();

/** Following the asynchronous context costs each promise something: a process that makes no calls does not pay for it. */
let isWanted = false;

/** From now on, handlers run with their deadline around them. Called by whoever makes calls. */
export function inheritDeadlines(): void {
  isWanted = true;
}

/** Runs a handler so that the calls it makes, however deep, know when its own caller stops waiting. */
export function withDeadline<T>(deadlineAt: number, handle: () => T): T {
  return isWanted ? storage.run(deadlineAt, handle) : handle();
}

/** Milliseconds that are left to the handler around this code, or Infinity where there is none. */
export function inheritedMs(): number {
  const deadlineAt = isWanted ? storage.getStore() : undefined;
  return deadlineAt === undefined ? Infinity : deadlineAt - performance.now();
}
