import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, gzipSync } from 'node:zlib';

import { HydraError, type HydraErrorCode } from '../../hydra-error.js';
import { SECURITY_HEADERS } from './headers.js';
import { Refusal } from './refusal.js';

const JSON_TYPE = 'application/json; charset=utf-8';
/** What is shorter is not worth it. */
const MIN_GZIP = 1_024;

const STATUSES: Partial<Record<HydraErrorCode, number>> = {
  ...{ BAD_OPTION: 400, BAD_PAYLOAD: 400, CONFIG_INVALID: 422, CONFIG_CONFLICT: 409, CONFIG_NOT_FOUND: 404 },
  ...{ PAYLOAD_TOO_LARGE: 413, FORBIDDEN: 502, REDIS_UNAVAILABLE: 503, NO_INSTANCE: 404, CLOSED: 503 },
};

interface Sent {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function sendJson(request: IncomingMessage, response: ServerResponse, value: unknown): void {
  send(request, response, { status: 200, type: JSON_TYPE, text: JSON.stringify(value ?? null) });
}

/** Says in words what did not go well. */
export function sendError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.end();
  send(request, response, {
    status: statusOf(error),
    type: JSON_TYPE,
    text: JSON.stringify({
      error: error instanceof Error ? error.message : String(error),
      ...(error instanceof HydraError && { code: error.code }),
    }),
  });
}

export function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, text, headers = { 'cache-control': 'no-store' } }: Sent,
): void {
  const isPacked = text.length >= MIN_GZIP && /\bgzip\b/.test(String(request.headers['accept-encoding']));
  const body = isPacked ? gzipSync(text, { level: constants.Z_BEST_SPEED }) : Buffer.from(text);
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    ...headers,
    'content-type': type,
    'content-length': body.length,
    vary: 'accept-encoding',
    ...(isPacked && { 'content-encoding': 'gzip' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  return error instanceof HydraError ? (STATUSES[error.code] ?? 500) : 500;
}
