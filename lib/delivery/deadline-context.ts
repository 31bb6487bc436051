import { AsyncLocalStorage } from 'node:async_hooks';

/** The deadline of a handler's caller, for the calls that the handler makes. */
export interface AmbientDeadline {
  /** By `performance.now()`. */
  readonly deadlineAt: number;
  /** The handler has returned, its stream has ended: what it left running is nobody's call. */
  isOver: boolean;
}

const storage = new AsyncLocalStorage<AmbientDeadline>();

/** Following the asynchronous context costs each promise something: a process that makes no calls does not pay for it. */
let isWanted = false;

/** From now on, handlers run with their deadline around them. Called by whoever makes calls. */
export function inheritDeadlines(): void {
  isWanted = true;
}

/** Undefined where nobody would ask for it. */
export function ambientDeadline(deadlineAt: number): AmbientDeadline | undefined {
  return isWanted ? { deadlineAt, isOver: false } : undefined;
}

/** Runs a handler so that the calls it makes, however deep, know when its own caller stops waiting. */
export function withDeadline<T>(deadline: AmbientDeadline | undefined, handle: () => T): T {
  return deadline ? storage.run(deadline, handle) : handle();
}

/** Milliseconds that are left to the handler around this code, or Infinity where there is none. */
export function inheritedMs(): number {
  const deadline = isWanted ? storage.getStore() : undefined;
  return deadline === undefined || deadline.isOver ? Infinity : deadline.deadlineAt - performance.now();
}
