import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { throwError, type Observable } from 'rxjs';

import { HydraError, type HydraErrorCode } from './hydra.error.js';

const BAD_GATEWAY = 502;
const HTTP_STATUS: Partial<Readonly<Record<HydraErrorCode, number>>> = {
  BAD_PAYLOAD: 400,
  PAYLOAD_TOO_LARGE: 413,
  NO_INSTANCE: 503,
  DRAINING: 503,
  OVERLOADED: 503,
  REDIS_UNAVAILABLE: 503,
  INSTANCE_LOST: 503,
  REPLY_LOST: 503,
  CLOSED: 503,
  TIMEOUT: 504,
};

/**
 * Lets a {@link HydraError} that a handler throws keep its meaning: a caller gets the same code, an HTTP client a status
 * that fits it (503, 504, …) and `{ statusCode, code, message, retryable }`, a gateway's client the event `exception`; a
 * GraphQL driver gets the error itself. `HydraModule.forRoot` registers it for the
 * application; a hybrid application's handlers have it with `connectMicroservice(…, { inheritAppConfig: true })`, and a
 * server that stands alone with `app.useGlobalFilters(new HydraExceptionFilter())`.
 *
 * @publicApi
 */
@Catch(HydraError)
export class HydraExceptionFilter implements ExceptionFilter<HydraError> {
  constructor(private readonly adapterHost?: HttpAdapterHost) {}

  catch(error: HydraError, host: ArgumentsHost): Observable<never> | void {
    const adapter = this.adapterHost?.httpAdapter;
    const type: string = host.getType();
    if (type === 'ws') return tellGatewayClient(error, host);
    // A GraphQL resolver's error is its driver's matter.
    if (type !== 'http' && type !== 'rpc') throw error;
    if (type === 'rpc' || !adapter) return throwError(() => error.toJSON());
    const statusCode = HTTP_STATUS[error.code] ?? BAD_GATEWAY;
    const { code, message, retryable } = error;
    adapter.reply(host.getArgByIndex(1), { statusCode, code, message, retryable }, statusCode);
  }
}

/** As Nest's own filter of gateways does. */
function tellGatewayClient(error: HydraError, host: ArgumentsHost): void {
  const client = host.switchToWs().getClient<{ emit(event: string, data: object): void }>();
  client.emit('exception', { status: 'error', ...error.toJSON() });
}
