/**
 * All codes of errors. `docs/errors.md` explains each code, and a test compares the two. An instance of a later version
 * may send another code.
 *
 * @publicApi
 */
export type HydraErrorCode = keyof typeof CODES;

/** What a code usually says about a retry. */
interface Meaning {
  readonly retryable: boolean;
  readonly mayHaveRun: boolean;
}

const REFUSED: Meaning = { retryable: false, mayHaveRun: false };
const NOT_NOW: Meaning = { retryable: true, mayHaveRun: false };
const UNKNOWN_OUTCOME: Meaning = { retryable: true, mayHaveRun: true };
const STOPPED: Meaning = { retryable: false, mayHaveRun: true };

const CODES = {
  BAD_OPTION: REFUSED,
  BAD_PAYLOAD: REFUSED,
  PAYLOAD_TOO_LARGE: REFUSED,
  NO_HANDLER: REFUSED,
  CLOSED: REFUSED,
  FORBIDDEN: REFUSED,
  CONFIG_INVALID: REFUSED,
  CONFIG_CONFLICT: REFUSED,
  CONFIG_NOT_FOUND: REFUSED,
  NO_INSTANCE: NOT_NOW,
  DRAINING: NOT_NOW,
  OVERLOADED: NOT_NOW,
  REDIS_UNAVAILABLE: UNKNOWN_OUTCOME,
  INSTANCE_LOST: UNKNOWN_OUTCOME,
  REPLY_LOST: UNKNOWN_OUTCOME,
  TIMEOUT: UNKNOWN_OUTCOME,
  CANCELLED: STOPPED,
  REPLY_OVERFLOW: STOPPED,
  LEASE_LOST: STOPPED,
  DEAD_LETTER: STOPPED,
} as const satisfies Record<string, Meaning>;

/** The facts of an unknown code of a later version, if its sender does not say them: the safe ones. */
const UNKNOWN: Meaning = STOPPED;

/** How codes look; any other text is not a code. */
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/**
 * The facts of one error, where they differ from what its code usually means.
 *
 * @publicApi
 */
export interface HydraErrorOptions {
  /** The underlying error. */
  readonly cause?: unknown;
  /** See {@link HydraError.mayHaveRun}. @defaultValue as the code has it */
  readonly mayHaveRun?: boolean | undefined;
  /** See {@link HydraError.retryable}. @defaultValue as the code has it */
  readonly retryable?: boolean | undefined;
}

/**
 * The only error class of this library. Decide by its `code`. The message names who, what, the value and the limit.
 *
 * @publicApi
 */
export class HydraError extends Error {
  /** `HydraError`. */
  override readonly name = 'HydraError';
  /** A new attempt may succeed. `mayHaveRun` says whether it is safe. */
  readonly retryable: boolean;
  /** The work may have begun, or may be done, although no answer arrived: repeat only idempotent work. */
  readonly mayHaveRun: boolean;

  constructor(
    /** The code of the error, one of a fixed set. */
    readonly code: HydraErrorCode,
    message: string,
    options?: HydraErrorOptions,
  ) {
    super(`[${code}] ${message}`, options);
    const usual = meaningOf(code);
    this.retryable = options?.retryable ?? usual.retryable;
    this.mayHaveRun = options?.mayHaveRun ?? usual.mayHaveRun;
  }

  /** The same error with `mayHaveRun: true`. @internal */
  begun(): HydraError {
    if (this.mayHaveRun) return this;
    const { code, message, retryable, cause, stack } = this;
    const facts = { retryable, mayHaveRun: true, ...(cause !== undefined && { cause }) };
    const copy = new HydraError(code, withoutCode(code, message), facts);
    if (stack !== undefined) copy.stack = stack;
    return copy;
  }

  /** Its form in messages and logs: no stack, no cause. */
  toJSON(): HydraErrorJson {
    const { name, code, message, retryable, mayHaveRun } = this;
    return { name, code, message, retryable, mayHaveRun };
  }

  /**
   * The error a peer sent as `toJSON()`, or undefined when the value is not one. A code that this version does not know
   * is kept, with `retryable` and `mayHaveRun` as sent.
   */
  static fromJSON(value: unknown): HydraError | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    const { name, code, message, retryable, mayHaveRun } = value as Record<string, unknown>;
    if (name !== 'HydraError' || typeof code !== 'string' || !CODE.test(code)) return undefined;
    const text = typeof message === 'string' ? withoutCode(code, message) : '';
    const facts = { retryable: flag(retryable), mayHaveRun: flag(mayHaveRun) };
    return new HydraError(code as HydraErrorCode, text, facts);
  }
}

/**
 * A {@link HydraError} as it is sent.
 *
 * @publicApi
 */
export interface HydraErrorJson {
  /** `HydraError`. */
  readonly name: 'HydraError';
  /** As {@link HydraError.code}. */
  readonly code: HydraErrorCode;
  /** As the error's. */
  readonly message: string;
  /** As {@link HydraError.retryable}. */
  readonly retryable: boolean;
  /** As {@link HydraError.mayHaveRun}. */
  readonly mayHaveRun: boolean;
}

/**
 * All codes, for documentation and tests.
 *
 * @internal
 */
export const HYDRA_ERROR_CODES = Object.freeze(Object.keys(CODES)) as readonly HydraErrorCode[];

function meaningOf(code: string): Meaning {
  return Object.hasOwn(CODES, code) ? CODES[code as HydraErrorCode] : UNKNOWN;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function withoutCode(code: string, message: string): string {
  const prefix = `[${code}] `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}
