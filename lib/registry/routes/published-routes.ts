import type { Keys } from '../../protocol/keys.js';
import { createMessage, encodeMessage } from '../../protocol/message.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { createStamp } from '../presence/instance-id.js';
import { putRoutesBack, replaceRoutes } from '../registry-scripts.js';

/**
 * Writes the service's routes as Hydra 1.9 lays them out, its three automatic members included, and tells hydra-router.
 * Those that a Hydra 1.x instance of the service wrote stay; those that this library wrote before are replaced.
 */
export async function publishRoutes(
  redis: RedisClient,
  keys: Keys,
  service: string,
  routes: readonly string[],
): Promise<void> {
  const args = [...routeKeys(keys, service), ...refreshOf(keys, service), ...routeMembers(service, routes)];
  await replaceRoutes.run(redis, args);
}

/** Puts back what a Hydra 1.x instance of the service deleted, as each does when it registers. */
export async function restoreRoutes(redis: RedisClient, keys: Keys, service: string): Promise<void> {
  await putRoutesBack.run(redis, [...routeKeys(keys, service), ...refreshOf(keys, service)]);
}

function routeKeys(keys: Keys, service: string): [routes: string, ours: string] {
  return [keys.routes(service), keys.own(service, 'routes', 'ours')];
}

function refreshOf(keys: Keys, service: string): [channel: string, message: string] {
  const refresh = createMessage(
    { to: 'hydra-router:/refresh', from: `${service}:/`, body: { action: 'refresh', serviceName: service } },
    createStamp(),
  );
  return [keys.serviceChannel('hydra-router'), encodeMessage(refresh)];
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
