/**
 * Nest hides what a handler threw unless it is an RpcException: the caller is told `Internal server error` and no more.
 * Both sides log such a failure under one id, so that the two lines can be brought together.
 */
export function isMasked(error: unknown): error is object {
  if (typeof error !== 'object' || error === null) return false;
  try {
    const { status, message } = error as { status?: unknown; message?: unknown };
    return status === 'error' && message === 'Internal server error';
  } catch {
    // A getter of the handler's own object threw.
    return false;
  }
}

/** The same on both sides, without travelling: who called, and the number of the call there. */
export function correlationId(callerAddress: string, id: number | string): string {
  return `${callerAddress.slice(0, callerAddress.indexOf('@'))}-${id}`;
}

/** Adds the id to the error as a member that equality and JSON do not see: its shape is Nest's. */
export function tagError(error: object, id: string): void {
  Object.defineProperty(error, 'correlationId', { value: id, enumerable: false, configurable: true });
}
