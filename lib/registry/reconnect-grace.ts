import type { RedisConnections } from '../redis/redis-connections.js';

/**
 * Just after a reconnect, silence is not death. What took this process's connection took everybody else's, and they come
 * back one after another: within `connection.maxReconnectDelayMs` (1 s) and a heartbeat (1 s), later on a busy machine. For
 * so long nobody is declared dead, left out for good or given up because it was not heard of.
 */
export const GATHER_MS = 3_000;

/** An answer of Redis that took so long says that it, or the way to it, stood still: for everybody. */
export const STILL_MS = 1_000;

/** Whether others may be silent because they, like this process, have only just come back. */
export function isGathering(redis: Pick<RedisConnections, 'restoredForMs'>): boolean {
  return redis.restoredForMs() < GATHER_MS;
}

/** Whether a command sent at an instant of `performance.now()` took so long that its answer says nothing of others. */
export function stoodStill(redis: Pick<RedisConnections, 'resumed'>, sentAt: number): boolean {
  if (performance.now() - sentAt < STILL_MS) return false;
  redis.resumed();
  return true;
}
