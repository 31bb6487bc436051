import { IntrinsicException } from '@nestjs/common';

import type { DeliveryContext } from './delivery-context.js';

/** Nest logs no error of this kind. Interceptors and filters see it as they see any other. */
class AnsweredAbort extends IntrinsicException {
  override readonly name = 'AbortError';
}

/**
 * What Nest is given of an error that a handler threw. A handler whose signal has aborted, and that ends by an AbortError, has not
 * failed: Nest would log this error as if it had. It stays an error, since the handler did not come to its end. What is no AbortError
 * stays as it is.
 */
export function errorForNest(error: unknown, { isAborted }: DeliveryContext): unknown {
  return isAborted && isAbortError(error) ? new AnsweredAbort(error.message, { cause: error }) : error;
}

function isAbortError(error: unknown): error is Error {
  return (error as Error | null | undefined)?.name === 'AbortError';
}
