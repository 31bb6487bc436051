import { Logger } from '@nestjs/common';

import type { HydraInstance } from './hydra-instance.js';
import { describeSource } from './redis/connection/driver.js';
import type { Timer } from './runtime/clock.js';

/** A start that waits is told of again and again: whoever looks at the log sees it near its end. */
const TELL_AGAIN_MS = 30_000;

const logger = new Logger('Hydra');

/**
 * Logs that there is no Redis, where it was looked for, and why there is none: after a while and then again, until the
 * returned function is called. It is logged as an error, because Nest's testing module shows only errors.
 *
 * @param what what happens until there is one, and then
 */
export function tellOfAbsentRedis(
  { redis, options, clock }: HydraInstance,
  what: string,
  afterMs: number,
): () => void {
  let timer: Timer | undefined;
  const tell = () => {
    const reason = redis.reason === undefined ? '' : ` (${redis.reason})`;
    logger.error(`no connection to Redis at ${describeSource(options)} yet${reason}: ${what}`);
    timer = clock.setTimeout(tell, TELL_AGAIN_MS);
  };
  if (afterMs > 0) timer = clock.setTimeout(tell, afterMs);
  else tell();
  return () => clock.clear(timer);
}
