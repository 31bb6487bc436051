import type { RedisConnections } from '../redis/redis-connections.js';

/**
 * Just after a reconnect, silence does not prove death. Other processes lost their connections too, and reconnect one
 * after another: within `connection.maxReconnectDelayMs` (1 s) and a heartbeat (1 s), later on a busy machine. During
 * this time no instance is declared dead, left out permanently or given up only because nothing was received from it.
 */
export const RECONNECT_GRACE_MS = 3_000;

/** If an answer of Redis takes this long, Redis or the network did not respond, probably for every process. */
export const STILL_MS = 1_000;

/** Whether others may be silent because they, like this process, have only just reconnected. */
export function isInReconnectGrace(redis: Pick<RedisConnections, 'msSinceReconnect'>): boolean {
  return redis.msSinceReconnect() < RECONNECT_GRACE_MS;
}

/**
 * Whether a command, sent at this time of the monotonic clock, took so long that its answer proves nothing about other
 * processes.
 */
export function stoodStill(redis: Pick<RedisConnections, 'resumed' | 'clock'>, sentAt: number): boolean {
  if (redis.clock.monotonic() - sentAt < STILL_MS) return false;
  redis.resumed();
  return true;
}
