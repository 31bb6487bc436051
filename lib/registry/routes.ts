import type { Keys } from '../protocol/keys.js';
import { createMessage, encodeMessage } from '../protocol/message.js';
import type { RedisClient } from '../redis/redis.connections.js';
import { createStamp } from './ids.js';

/**
 * Writes the service's routes as Hydra 1.9 lays them out, its three automatic members included, and tells hydra-router.
 * Readers never see an empty set: the old one is replaced within one transaction.
 */
export async function publishRoutes(
  redis: RedisClient,
  keys: Keys,
  service: string,
  routes: readonly string[],
): Promise<void> {
  const key = keys.routes(service);
  await redis
    .multi()
    .del(key)
    .sadd(key, ...routeMembers(service, routes))
    .exec();
  const refresh = createMessage(
    { to: 'hydra-router:/refresh', from: `${service}:/`, body: { action: 'refresh', serviceName: service } },
    createStamp(),
  );
  await redis.publish(keys.serviceChannel('hydra-router'), encodeMessage(refresh));
}

/** What the set holds: the routes, and the three that Hydra 1.9 adds to every service's. */
export function routeMembers(service: string, routes: readonly string[]): readonly string[] {
  return [...new Set([...routes, `[get]/${service}`, `[get]/${service}/`, `[get]/${service}/:rest`])];
}

/** A number that tells sets of routes apart (FNV-1a, 32 bits), so that others notice a new one. */
export function fingerprint(routes: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const character of routes.toSorted().join('\n')) {
    hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  }
  return hash >>> 0;
}
