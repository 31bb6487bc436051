import { HttpException, Logger } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';

import { HydraError } from '../../hydra-error.js';
import { RemoteFailure, toRemote } from '../wire/remote-failure.js';

const logger = new Logger('RpcExceptionsHandler');

/**
 * The error that a caller gets when a generator throws. Nest's filters have finished by then and do not see it. As with
 * Nest's own filter, an RpcException, an HttpException and a HydraError keep their meaning. Any other error is logged
 * here, and the caller gets `Internal server error`.
 */
export function toWireError(error: unknown): unknown {
  if (error instanceof HydraError) return error;
  if (error instanceof RpcException) {
    const told = error.getError();
    return typeof told === 'object' ? told : { status: 'error', message: told };
  }
  if (error instanceof HttpException) return toRemote(error);
  if (error instanceof RemoteFailure) return error;
  logger.error(error);
  return { status: 'error', message: 'Internal server error' };
}
