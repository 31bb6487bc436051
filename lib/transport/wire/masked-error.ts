/**
 * Nest hides the error of a handler unless it is an RpcException: the caller only gets `Internal server error`. Both
 * sides log such an error with the same id, so that a person can connect the two lines.
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

/** Both sides know it without sending it: the caller's address, and the number of the call there. */
export function correlationId(callerAddress: string, id: number | string): string {
  return `${callerAddress.slice(0, callerAddress.indexOf('@'))}-${id}`;
}

/** Adds the id to the error as a member that equality and JSON do not see: its shape is Nest's. */
export function tagError(error: object, id: string): void {
  Object.defineProperty(error, 'correlationId', { value: id, enumerable: false, configurable: true });
}
