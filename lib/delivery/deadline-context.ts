import { AsyncLocalStorage } from 'node:async_hooks';

import type { Clock } from '../runtime/clock.js';

/** The deadline of a handler's caller, for the calls that the handler makes. */
export interface HandlerDeadline {
  readonly clock: Clock;
  /** By the clock's `monotonic()`. */
  readonly deadlineAt: number;
  /** The handler has returned, its stream has ended: what it left running is nobody's call. */
  isOver: boolean;
}

const storage = new AsyncLocalStorage<HandlerDeadline>();

/** Following the asynchronous context costs each promise something: a process that makes no calls does not pay for it. */
let isWanted = false;

/** From now on handlers run with their deadline around them. Called by each part that makes calls. */
export function enableDeadlinePropagation(): void {
  isWanted = true;
}

/** The deadline of a handler; undefined in a process that makes no calls. */
export function handlerDeadline(clock: Clock, deadlineAt: number): HandlerDeadline | undefined {
  return isWanted ? { clock, deadlineAt, isOver: false } : undefined;
}

/** Runs a handler so that the calls it makes, however deep, know when its own caller stops waiting. */
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
