import { STATUS_CODES } from 'node:http';

import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { throwError, type Observable } from 'rxjs';

import { systemClock } from './runtime/clock.js';
import { ThrottledLogger } from './runtime/throttled-logger.js';
import { HydraError, type HydraErrorCode } from './hydra-error.js';
import { RemoteFailure, statusOf, toHttpBody, toRemote } from './transport/wire/remote-failure.js';

const INTERNAL_ERROR = 500;
const BAD_GATEWAY = 502;
const HTTP_STATUS: Partial<Readonly<Record<HydraErrorCode, number>>> = {
  BAD_OPTION: INTERNAL_ERROR,
  FORBIDDEN: INTERNAL_ERROR,
  CONFIG_INVALID: INTERNAL_ERROR,
  CONFIG_CONFLICT: INTERNAL_ERROR,
  CONFIG_NOT_FOUND: INTERNAL_ERROR,
  NO_INSTANCE: 503,
  DRAINING: 503,
  OVERLOADED: 503,
  REDIS_UNAVAILABLE: 503,
  INSTANCE_LOST: 503,
  REPLY_LOST: 503,
  CLOSED: 503,
  TIMEOUT: 504,
};
/** The HTTP client's fault, where it is the data of the call that cannot be sent. */
const DATA_STATUS: Partial<Readonly<Record<HydraErrorCode, number>>> = {
  BAD_PAYLOAD: 400,
  PAYLOAD_TOO_LARGE: 413,
};

type HttpAdapter = HttpAdapterHost['httpAdapter'];

/**
 * Keeps the meaning of errors of calls. For a {@link HydraError} a caller gets the same code, and an HTTP client gets a
 * status for it and `{ statusCode, code, message, retryable }`. The status and message of an HttpException or of an
 * `RpcException({ status, message })` that a handler throws reach the HTTP client at the gateway. `docs/http-errors.md`
 * has the whole of it.
 *
 * `HydraModule.forRoot` gives it to the application unless `exceptionFilter` is false, and every other filter is asked
 * before it. A hybrid application's handlers have it with `connectMicroservice(…, { inheritAppConfig: true })`, a server
 * that stands alone with `app.useGlobalFilters(new HydraExceptionFilter())`.
 *
 * @publicApi
 */
@Catch(HydraError, HttpException, RemoteFailure)
export class HydraExceptionFilter implements ExceptionFilter<object> {
  private readonly log = new ThrottledLogger(systemClock);

  constructor(private readonly adapterHost?: HttpAdapterHost) {}

  /**
   * Nest calls it with the error of a handler or route. It answers an HTTP request at once; otherwise it returns an
   * Observable that fails.
   */
  catch(error: object, host: ArgumentsHost): Observable<never> | void {
    const type: string = host.getType();
    if (type === 'ws') return tellGatewayClient(error, host);
    // The error of a GraphQL resolver is handled by its driver.
    if (type !== 'http' && type !== 'rpc') throw error;
    const adapter = this.adapterHost?.httpAdapter;
    if (type === 'rpc' || !adapter) return throwError(() => toCaller(error));
    if (error instanceof HttpException) return new BaseExceptionFilter(adapter).catch(error, host);
    const [statusCode, body] = answerTo(error);
    if (statusCode >= INTERNAL_ERROR) this.report(adapter, host, statusCode, error);
    const response: unknown = host.getArgByIndex(1);
    if (adapter.isHeadersSent(response)) adapter.end(response);
    else adapter.reply(response, body, statusCode);
  }

  /** Logs what the HTTP client does not see, at a bounded rate, because a service that is down fails every request. */
  private report(adapter: HttpAdapter, host: ArgumentsHost, statusCode: number, error: object): void {
    const request: unknown = host.getArgByIndex(0);
    // A query may hold what is in no log.
    const path = String(adapter.getRequestUrl(request)).split('?', 1)[0];
    const { message } = error as { message?: unknown };
    const line = `${statusCode} to ${String(adapter.getRequestMethod(request))} ${path}: ${String(message)}`;
    this.log.warn(`${statusCode} ${String(message)}`, line);
  }
}

/** Instances, limits and the words of Redis are only logged. The client gets what it can act on. */
function answerTo(error: object): [statusCode: number, body: object] {
  if (!(error instanceof HydraError)) {
    const statusCode = statusOf(error) ?? INTERNAL_ERROR;
    return [statusCode, toHttpBody(error, statusCode)];
  }
  const { code, retryable } = error;
  const statusCode = httpStatusOf(error);
  return [statusCode, { statusCode, code, message: STATUS_CODES[statusCode], retryable }];
}

/** `mayHaveRun` says whether the data or the answer was invalid: if the handler ran, its data was valid. */
function httpStatusOf({ code, mayHaveRun }: HydraError): number {
  const ofData = DATA_STATUS[code];
  if (ofData !== undefined) return mayHaveRun ? INTERNAL_ERROR : ofData;
  return HTTP_STATUS[code] ?? BAD_GATEWAY;
}

function toCaller(error: object): object {
  if (error instanceof HydraError) return error.toJSON();
  return error instanceof HttpException ? toRemote(error) : error;
}

/** As Nest's own filter of gateways does. */
function tellGatewayClient(error: object, host: ArgumentsHost): void {
  const client = host.switchToWs().getClient<{ emit(event: string, data: object): void }>();
  const { message } = error as { message?: unknown };
  const told = error instanceof HydraError ? error.toJSON() : { message };
  client.emit('exception', { status: 'error', ...told });
}
