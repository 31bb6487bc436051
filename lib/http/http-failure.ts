import { HydraError } from '../hydra-error.js';
import type { Instance } from '../hydra-options.js';

/** Errors of a connection that was not accepted: the request certainly did not begin. */
const REFUSED = [
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
];

/** Whether a failed `fetch` never reached anybody. */
export function isRefused(error: unknown): boolean {
  const cause = causeOf(error);
  // Several addresses of one host were tried, and each has its own error.
  const errors = (cause as { errors?: unknown } | undefined)?.errors;
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isRefusal);
  return isRefusal(cause);
}

/** The HydraError for an error of `fetch`. */
export function failureOf(
  error: unknown,
  { id, host, port, service }: Instance,
  address: string,
): HydraError {
  const where = `instance ${id} of "${service}" at ${host}:${port}`;
  const cause = causeOf(error);
  return isRefused(error)
    ? new HydraError('NO_INSTANCE', `${where} refused the connection for "${address}"`, { cause })
    : new HydraError('INSTANCE_LOST', `${where} closed the connection during "${address}"`, { cause });
}

function isRefusal(error: unknown): boolean {
  return REFUSED.includes((error as { code?: string } | undefined)?.code ?? '');
}

/** `fetch` wraps what happened in a TypeError that only says so. */
function causeOf(error: unknown): unknown {
  return (error as { cause?: unknown } | undefined)?.cause ?? error;
}
