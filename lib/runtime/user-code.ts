import { Logger } from '@nestjs/common';

const logger = new Logger('Hydra');

/** Calls a user's callback. Its exception is logged, and never propagates. */
export function callUserCode(what: string, callback: () => void): void {
  try {
    callback();
  } catch (error) {
    logger.error(`${what} threw`, error instanceof Error ? error.stack : String(error));
  }
}
