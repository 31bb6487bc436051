import { AsyncResource } from 'node:async_hooks';

/** Nothing waits for the end of these, and tracking it costs the garbage collector more than a call costs. */
const MANUAL = { requireManualDestroy: true };

/**
 * Made when the library is loaded, outside of any request. No user code runs in it, because what that enters would
 * stay.
 */
const root = new AsyncResource('Hydra', MANUAL);

/** The asynchronous context around this code, to call its owner back in. */
export function presentContext(): AsyncResource {
  return new AsyncResource('HydraCall', MANUAL);
}

/** A new empty context. What is entered in it (`enterWith`) is not visible anywhere else. */
export function freshContext(): AsyncResource {
  return root.runInAsyncScope(presentContext);
}

/**
 * Runs something outside of the present request: a timer, a connection, or a batch of several requests. Otherwise it
 * would keep the context of the first request for ever.
 */
export function outside<T>(act: () => T): T {
  return freshContext().runInAsyncScope(act);
}
