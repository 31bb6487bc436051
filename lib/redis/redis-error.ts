import { HydraError, type HydraErrorCode, type HydraErrorOptions } from '../hydra-error.js';
import { NOT_SENT as NOT_SENT_CODE } from './connection/patient-cluster.js';
import { ScriptFailure } from './script-failure.js';

/** Refusals that end automatically, or when a person changes Redis. Redis refuses before it does anything. */
const NOT_NOW =
  /^(OOM|NOREPLICAS|READONLY|BUSY|LOADING|MASTERDOWN|MISCONF|CLUSTERDOWN|TRYAGAIN|ASK|NOSCRIPT|UNBLOCKED|WRONGPASS|NOAUTH)$/;

/** Refusals of a server that is starting, or that is about to be replaced. */
const NOT_YET = /^(LOADING|READONLY|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN)$/;

/** Before Redis 7.0, 7.0, and from 7.2 on. */
const FORBIDDEN_IN_SCRIPT =
  /^ERR (Error running script.*: )?(The user executing the script can't|ACL failure in script)/;
/** How Redis before 7.0 tells what a command in a script was refused with. */
const INNER_WORD = /^ERR Error running script.*@user_script: ?\d+: -?([A-Z]{3,}) /;

/** The driver never wrote the command to a connection. */
const NOT_SENT = /enableOfflineQueue options is false|None of startup nodes|Failed to refresh slots cache/;

/** Nobody took the connection. */
const NOT_CONNECTED = [
  NOT_SENT_CODE,
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
];

const MAX_NAMES = 4;

/**
 * The HydraError for an error of the driver. Only this file knows the driver's errors.
 *
 * When Redis answers with a refusal, nothing was done, except in a script, which Redis may refuse in the middle. When
 * no answer arrived, a command that was sent may have had its effect.
 *
 * @param what the attempted action, for the message
 * @param facts what the caller knows for certain
 */
export function redisError(what: string, failure: unknown, facts?: HydraErrorOptions): HydraError {
  if (failure instanceof HydraError) return failure;
  const { script, cause } =
    failure instanceof ScriptFailure ? failure : { script: undefined, cause: failure };
  if (cause instanceof HydraError) return cause;
  if (isReply(cause)) return refusal(what, script, cause, facts);
  return noAnswer(what, cause, facts);
}

/** Whether Redis is unavailable, or not ready yet: a start may wait for this. Any other refusal is permanent. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof HydraError) || error.code !== 'REDIS_UNAVAILABLE') return false;
  return !isReply(error.cause) || NOT_YET.test(wordOf(error.cause.message));
}

/** Whether this user lacks a right. */
export function lacksRight(error: unknown): boolean {
  return error instanceof HydraError && error.code === 'FORBIDDEN';
}

/** Whether this text of Redis says that the user lacks a right, for a command or within a script. */
export function refusesRight(message: string): boolean {
  return wordOf(message) === 'NOPERM' || FORBIDDEN_IN_SCRIPT.test(message);
}

/** Redis's own answer. Everything else means that no answer came. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Whether Redis refused with this word: `NOGROUP`, `BUSYGROUP`, … */
export function isRefusedWith(word: string, error: unknown): boolean {
  const reply = error instanceof HydraError ? error.cause : error;
  return isReply(reply) && wordOf(reply.message) === word;
}

function refusal(
  what: string,
  script: string | undefined,
  cause: Error,
  facts?: HydraErrorOptions,
): HydraError {
  const { message } = cause;
  const word = wordOf(message);
  const isTransient = NOT_NOW.test(word) || message.includes('max number of clients');
  const isForbidden = refusesRight(message);
  const code: HydraErrorCode = isForbidden ? 'FORBIDDEN' : 'REDIS_UNAVAILABLE';
  const text = `${what}: Redis refused ${commandOf(cause, script)}: ${message}${hintFor(word)}`;
  return new HydraError(code, text, {
    cause: withoutSecrets(cause),
    retryable: isTransient,
    // Redis checks for a temporary reason before the first write of a script, and not again.
    mayHaveRun: isInScript(message) && !isTransient,
    ...facts,
  });
}

function noAnswer(what: string, cause: unknown, facts?: HydraErrorOptions): HydraError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const moved = /^Too many Cluster redirections\. Last error: (?:\w+: )?(.*)/s.exec(reason)?.[1];
  if (moved !== undefined) {
    const text = `${what}: the Cluster's nodes sent it on to one another: ${moved}`;
    return new HydraError('REDIS_UNAVAILABLE', text, { cause, mayHaveRun: false, ...facts });
  }
  if (cause instanceof TypeError || cause instanceof RangeError) {
    const text = `${what}: its answer was not understood: ${reason}`;
    return new HydraError('REDIS_UNAVAILABLE', text, { cause, retryable: false, ...facts });
  }
  if (NOT_SENT.test(reason) || isNotConnected(cause)) {
    const text = `${what}: there is no connection to Redis`;
    return new HydraError('REDIS_UNAVAILABLE', text, { cause, mayHaveRun: false, ...facts });
  }
  return new HydraError('REDIS_UNAVAILABLE', `${what}: the connection to Redis was lost`, {
    cause,
    ...facts,
  });
}

/** The word that an answer begins with; Redis 6 hides that of a command in a script behind its own. */
function wordOf(message: string): string {
  return INNER_WORD.exec(message)?.[1] ?? /^[A-Z]+/.exec(message)?.[0] ?? '';
}

function isInScript(message: string): boolean {
  return message.includes('user_script');
}

function hintFor(word: string): string {
  if (word === 'MOVED') return '; it is a node of a Cluster: redis must be { cluster: [its nodes] }';
  if (word === 'NOAUTH') return '; it wants a password: in redis, in HYDRA_REDIS_URL, or by credentials';
  if (word === 'CROSSSLOT') return "; several servers share the keys, layout must be 'hash-tags'";
  return '';
}

/** The refused command, with its key or channel, because the words of Redis do not contain them. */
function commandOf(cause: Error, script: string | undefined): string {
  const { name = 'a command', args = [] } =
    (cause as { command?: { name?: string; args?: unknown[] } }).command ?? {};
  const word = name.toUpperCase();
  if (/^EVAL(SHA)?(_RO)?$/.test(word)) {
    const keys = args.slice(2, 2 + Number(args[1]));
    return `script ${script ?? 'without a name'}${keys.length > 0 ? ` on ${listed(keys)}` : ''}`;
  }
  if (word === 'AUTH' || word === 'HELLO') return word;
  const names = word.includes('SUBSCRIBE') ? args : args.slice(0, 1);
  return [word, listed(names)].filter(Boolean).join(' ');
}

function listed(names: readonly unknown[]): string {
  const shown = names.slice(0, MAX_NAMES).map((name) => String(name).slice(0, 200));
  return names.length > MAX_NAMES
    ? `${shown.join(', ')} and ${names.length - MAX_NAMES} more`
    : shown.join(', ');
}

/** The driver hangs the command with its arguments on the error, and whoever prints the error prints them. */
function withoutSecrets(cause: Error): Error {
  const { command } = cause as { command?: { name?: string; args?: unknown } };
  if (command?.name && /^(auth|hello)$/i.test(command.name)) command.args = [];
  return cause;
}

function isNotConnected(cause: unknown): boolean {
  return NOT_CONNECTED.includes((cause as { code?: string } | null | undefined)?.code ?? '');
}
