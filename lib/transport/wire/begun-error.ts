import { HydraError } from '../../hydra-error.js';

/**
 * The error of a handler as its caller gets it. A HydraError that the handler received says whether another call may
 * have run. The call to the handler itself has begun, so here `mayHaveRun` is always true.
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
