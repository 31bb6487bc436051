import type { RedisConnections } from '../redis/redis-connections.js';

/**
 * Just after a reconnect, silence is not death. What took this process's connection took everybody else's, and they come
 * back one after another: within `connection.maxReconnectDelayMs` (1 s) and a heartbeat (1 s), later on a busy machine. For
 * so long nobody is declared dead, left out permanently or given up because it was not heard of.
 */
export const RECONNECT_GRACE_MS = 3_000;

/** An answer of Redis that took so long says that it, or the way to it, stood still: for everybody. */
export const STILL_MS = 1_000;

/** Whether others may be silent because they, like this process, have only just come back. */
export function isInReconnectGrace(redis: Pick<RedisConnections, 'msSinceReconnect'>): boolean {
  return redis.msSinceReconnect() < RECONNECT_GRACE_MS;
}

/** Whether a command sent at a monotonic instant took so long that its answer says nothing of others. */
export function stoodStill(redis: Pick<RedisConnections, 'resumed' | 'clock'>, sentAt: number): boolean {
  if (redis.clock.monotonic() - sentAt < STILL_MS) return false;
  redis.resumed();
  return true;
}
