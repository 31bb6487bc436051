import { AsyncLocalStorage } from 'node:async_hooks';

import type { Clock } from '../runtime/clock.js';

/** The deadline of a handler, for the calls that it makes. */
export interface HandlerDeadline {
  readonly clock: Clock;
  /** By the clock's `monotonic()`. */
  readonly deadlineAt: number;
  /** The handler has returned and its stream has ended. What still runs has no deadline any more. */
  isOver: boolean;
}

const storage = new AsyncLocalStorage<HandlerDeadline>();

/** An asynchronous context costs time for each promise. A process that makes no calls does not pay for it. */
let isWanted = false;

/** From now on handlers run with their deadline around them. Called by each part that makes calls. */
export function enableDeadlinePropagation(): void {
  isWanted = true;
}

/** The deadline of a handler; undefined in a process that makes no calls. */
export function handlerDeadline(clock: Clock, deadlineAt: number): HandlerDeadline | undefined {
  return isWanted ? { clock, deadlineAt, isOver: false } : undefined;
}

/** Runs a handler so that all calls it makes know the deadline of its own caller. */
export function withDeadline<T>(deadline: HandlerDeadline | undefined, handle: () => T): T {
  return deadline ? storage.run(deadline, handle) : handle();
}

/** Milliseconds that are left to the handler around this code, or Infinity where there is none. */
export function remainingMs(): number {
  const deadline = isWanted ? storage.getStore() : undefined;
  return deadline === undefined || deadline.isOver
    ? Infinity
    : deadline.deadlineAt - deadline.clock.monotonic();
}
