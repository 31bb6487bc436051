import type { HttpException } from '@nestjs/common';

/**
 * Errors of other services that contain an HTTP status. They are recognised by identity, because their shape is up to
 * the service.
 */
const failures = new WeakSet<object>();

/** `instanceof` for these failures, so that a filter of Nest's can catch them: they are plain objects. */
export abstract class RemoteFailure {
  abstract readonly message: unknown;

  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && failures.has(value);
  }
}

/** Is called with the error of each failed call. */
export function noteRemote(error: unknown): void {
  if (statusOf(error) !== undefined) failures.add(error as object);
}

/** The HTTP status in an error: of `RpcException({ status: 404, message })`, or of an HttpException. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  try {
    const { status, statusCode = status } = error as { status?: unknown; statusCode?: unknown };
    const isStatus =
      Number.isInteger(statusCode) && (statusCode as number) >= 400 && (statusCode as number) < 600;
    return isStatus ? (statusCode as number) : undefined;
  } catch {
    // A getter of the handler's own object threw.
    return undefined;
  }
}

/** How an HttpException travels: its response's members, its status and its message. */
export function toRemote(exception: HttpException): object {
  const response = exception.getResponse();
  const members = typeof response === 'object' ? response : {};
  return { message: exception.message, ...members, status: exception.getStatus() };
}

/** The body that an HTTP client gets, in Nest's format for an HttpException. */
export function toHttpBody(failure: object, statusCode: number): object {
  const { message, error } = failure as { message?: unknown; error?: unknown };
  return { statusCode, message, ...(typeof error === 'string' && { error }) };
}
