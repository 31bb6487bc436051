import { describeLocation } from './redis/connection/driver.js';
import type { HydraInstance } from './hydra-instance.js';

/** Where there is no Redis, and why. Said as an error: Nest's testing module shows nothing less, and its tests time out. */
export function redisIsAbsent({ redis, options }: HydraInstance): string {
  const reason = redis.reason === undefined ? '' : ` (${redis.reason})`;
  return `no connection to Redis at ${describeLocation(options.redis)} yet${reason}`;
}
