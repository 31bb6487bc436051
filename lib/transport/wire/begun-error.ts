import { HydraError } from '../../hydra-error.js';

/**
 * What a handler failed with, as its caller is to hear it. A HydraError says of a call that the handler made whether that
 * one may have run; of the call to the handler only one thing is true: it was begun.
 */
export function begun(error: unknown): unknown {
  if (error instanceof HydraError) return error.begun();
  try {
    const known = HydraError.fromJSON(error);
    return known && !known.mayHaveRun ? { ...(error as object), mayHaveRun: true } : error;
  } catch {
    // A getter of the handler's own object threw.
    return error;
  }
}
