import { Logger } from '@nestjs/common';

const logger = new Logger('Hydra');

/** Calls what others gave to be called. What it throws is theirs, and must leave neither this process nor its state broken. */
export function callUserCode(what: string, callback: () => void): void {
  try {
    callback();
  } catch (error) {
    logger.error(`${what} threw`, error instanceof Error ? error.stack : String(error));
  }
}
