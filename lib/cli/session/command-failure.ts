import { HydraError, type HydraErrorCode } from '../../hydra-error.js';

/** The meaning of exit codes. */
export const ExitCode = {
  done: 0,
  failed: 1,
  /** A wrong command or option, a file that cannot be read, or no terminal for the question. */
  usage: 2,
  notFound: 3,
  /** What is stored has changed meanwhile, or the document is not valid. */
  refused: 4,
  redis: 5,
  /** The question was answered with no. */
  declined: 6,
} as const;

const BY_CODE: Partial<Record<HydraErrorCode, number>> = {
  BAD_OPTION: ExitCode.usage,
  CONFIG_NOT_FOUND: ExitCode.notFound,
  NO_INSTANCE: ExitCode.notFound,
  CONFIG_CONFLICT: ExitCode.refused,
  CONFIG_INVALID: ExitCode.refused,
  PAYLOAD_TOO_LARGE: ExitCode.refused,
  REDIS_UNAVAILABLE: ExitCode.redis,
  FORBIDDEN: ExitCode.redis,
};

/** Ends a command with a code and a sentence for stderr. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    readonly exitCode: number,
    message: string,
  ) {
    super(message);
  }
}

/** The question was answered with no. */
export function declined(): CommandFailure {
  return new CommandFailure(ExitCode.declined, 'nothing was written');
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.exitCode;
  if (error instanceof HydraError) return BY_CODE[error.code] ?? ExitCode.failed;
  return ExitCode.failed;
}
