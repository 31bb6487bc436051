import { HydraError } from '../../hydra-error.js';
import { isReply, redisError } from '../redis-error.js';

/**
 * The errors of Redis for wrong credentials, and for a database that does not exist. Those of a Sentinel are part of a
 * longer text.
 */
const REFUSED = /\b(WRONGPASS|NOAUTH|NOPERM|DB index|invalid password|cluster support disabled|NOPROTO)\b/;

/** A certificate that one side does not accept, or a peer that does not speak TLS. */
const TLS_CODE =
  /^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_)/;

/** Sentinels answer, and do not know the name. */
const UNKNOWN_NAME = /^connected to sentinel (\S+) successfully, but got an invalid reply/;

/** The driver's words for a first byte that no Redis sends. */
const NO_REDIS = /(?:RESP type|Protocol error).* Please report this\.$/s;

/**
 * Why connecting cannot succeed until a person does something. Undefined when Redis is only unavailable: then waiting
 * helps.
 *
 * @param place where Redis is, without credentials
 */
export function refusalToConnect(error: unknown, place: string): HydraError | undefined {
  if (error instanceof HydraError) return error.retryable ? undefined : error;
  if (!(error instanceof Error)) return undefined;
  const { lastNodeError } = error as { lastNodeError?: unknown };
  if (lastNodeError !== undefined) return refusalToConnect(lastNodeError, place);
  if (!isReply(error) || REFUSED.test(error.message)) return refusalOf(error, place);
  return undefined;
}

/** One line for people: why there is no connection. */
export function reasonOf(error: Error): string {
  const { lastNodeError } = error as { lastNodeError?: unknown };
  if (lastNodeError instanceof Error) return reasonOf(lastNodeError);
  const sentinel = UNKNOWN_NAME.exec(error.message)?.[1];
  if (sentinel !== undefined) return `the Sentinel at ${sentinel} knows no primary of that name`;
  if (NO_REDIS.test(error.message))
    return 'what answers there does not speak the protocol of Redis: another server, or one that wants TLS (rediss://)';
  // Several addresses were tried, and the driver's error has no text of its own.
  const inner =
    error instanceof AggregateError ? (error.errors as unknown[]).find(isError)?.message : undefined;
  return inner ?? (error.message || error.name);
}

function refusalOf(error: Error, place: string): HydraError | undefined {
  const { code = '' } = error as { code?: unknown };
  const isTls = typeof code === 'string' && TLS_CODE.test(code);
  if (!isTls && !REFUSED.test(error.message) && !UNKNOWN_NAME.test(error.message)) return undefined;
  if (isReply(error)) return redisError(`connect to ${place}`, error);
  const text = isTls
    ? `connect: ${reasonOf(error)}`
    : `connect to ${place}: Redis refused: ${reasonOf(error)}`;
  return new HydraError('REDIS_UNAVAILABLE', text, {
    cause: error,
    mayHaveRun: false,
    retryable: false,
  });
}

function isError(value: unknown): value is Error {
  return value instanceof Error;
}
