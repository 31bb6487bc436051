import { describeLocation } from './redis/connection/driver.js';
import type { HydraInstance } from './hydra-instance.js';

/** Logs that there is no Redis, and why. It is logged as an error, because Nest's testing module shows only errors. */
export function redisIsAbsent({ redis, options }: HydraInstance): string {
  const reason = redis.reason === undefined ? '' : ` (${redis.reason})`;
  return `no connection to Redis at ${describeLocation(options.redis)} yet${reason}`;
}
