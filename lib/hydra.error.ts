/**
 * Every way in which hydra can refuse or fail. The union is closed: `docs/errors.md` explains each code, and a test
 * compares the two.
 *
 * @publicApi
 */
export type HydraErrorCode = keyof typeof CODES;

/** What a code says about trying again: may a new attempt succeed, and may the first one have run already? */
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
  CONFIG_INVALID: REFUSED,
  CONFIG_CONFLICT: REFUSED,
  CONFIG_NOT_FOUND: REFUSED,
  NO_INSTANCE: NOT_NOW,
  DRAINING: NOT_NOW,
  OVERLOADED: NOT_NOW,
  REDIS_UNAVAILABLE: UNKNOWN_OUTCOME,
  INSTANCE_LOST: UNKNOWN_OUTCOME,
  TIMEOUT: UNKNOWN_OUTCOME,
  CANCELLED: STOPPED,
  STREAM_OVERFLOW: STOPPED,
  LEASE_LOST: STOPPED,
  DEAD_LETTER: STOPPED,
} as const satisfies Record<string, Meaning>;

/**
 * The one error class of hydra. Match on `code`; the message names who, what, the value and the limit.
 *
 * @publicApi
 */
export class HydraError extends Error {
  override readonly name = 'HydraError';

  constructor(
    readonly code: HydraErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`[${code}] ${message}`, options);
  }

  /** A new attempt may succeed. Whether it is safe, `mayHaveRun` says. */
  get retryable(): boolean {
    return CODES[this.code].retryable;
  }

  /** The work may have been done although no answer came: only idempotent work should be tried again. */
  get mayHaveRun(): boolean {
    return CODES[this.code].mayHaveRun;
  }

  /** Its shape on the wire and in logs: no stack, no cause. */
  toJSON(): HydraErrorJson {
    return { name: this.name, code: this.code, message: this.message, retryable: this.retryable };
  }

  /** The error a peer sent as `toJSON()`, or undefined when the value is not one. */
  static fromJSON(value: unknown): HydraError | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    const { name, code, message } = value as Partial<HydraErrorJson>;
    if (name !== 'HydraError' || typeof code !== 'string' || !Object.hasOwn(CODES, code)) return undefined;
    const prefix = `[${code}] `;
    const text = typeof message === 'string' ? message : '';
    return new HydraError(code, text.startsWith(prefix) ? text.slice(prefix.length) : text);
  }
}

/** @publicApi */
export interface HydraErrorJson {
  readonly name: 'HydraError';
  readonly code: HydraErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

/** All codes, for documentation and tests. */
export const HYDRA_ERROR_CODES = Object.freeze(Object.keys(CODES)) as readonly HydraErrorCode[];
