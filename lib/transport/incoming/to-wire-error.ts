import { HttpException, Logger } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';

import { HydraError } from '../../hydra-error.js';
import { RemoteFailure, toRemote } from '../wire/remote-failure.js';

const logger = new Logger('RpcExceptionsHandler');

/**
 * What a caller is told of an error that a generator throws: Nest's filters are done by then, and see none of it. As Nest's
 * own filter has it, an RpcException, an HttpException and a HydraError keep their meaning; anything else is logged here and hidden there.
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
