import { AsyncResource } from 'node:async_hooks';

/** Nobody waits for the end of these, and to be told of it costs the garbage collector more than a call costs. */
const MANUAL = { requireManualDestroy: true };

/** Made when the library is loaded, which is in nobody's request. No user's code runs in it: what that enters would stay. */
const root = new AsyncResource('Hydra', MANUAL);

/** The asynchronous context around this code, to call its owner back in. */
export function presentContext(): AsyncResource {
  return new AsyncResource('HydraCall', MANUAL);
}

/** A context with nothing of anybody's in it. What is entered in it (`enterWith`) is seen by nobody else. */
export function freshContext(): AsyncResource {
  return root.runInAsyncScope(presentContext);
}

/**
 * Begins what lives longer than the request that happens to begin it, or serves several: a timer, a connection, the
 * writing of what many have put together. It would carry the first one's context permanently.
 */
export function outside<T>(act: () => T): T {
  return freshContext().runInAsyncScope(act);
}
