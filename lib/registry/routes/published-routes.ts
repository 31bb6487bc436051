import type { Context } from '../../redis/context.js';
import { fnv1a } from '../../protocol/fnv1a.js';
import { createMessage, encodeMessage } from '../../protocol/message.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { createStamp } from '../presence/instance-id.js';
import { putRoutesBack, replaceRoutes } from '../registry-scripts.js';

type RouteContext = Pick<Context, 'keys' | 'options' | 'clock' | 'random'>;

/**
 * Writes the service's routes as Hydra 1.9 lays them out, its three automatic members included, and tells hydra-router.
 * Those that a Hydra 1.x instance of the service wrote stay; those that this library wrote before are replaced.
 */
export async function publishRoutes(
  redis: RedisClient,
  context: RouteContext,
  routes: readonly string[],
): Promise<void> {
  const args = [
    ...routeKeys(context),
    ...refreshOf(context),
    ...routeMembers(context.options.service, routes),
  ];
  await replaceRoutes.run(redis, args);
}

/** Puts back what a Hydra 1.x instance of the service deleted, as each does when it registers. */
export async function restoreRoutes(redis: RedisClient, context: RouteContext): Promise<void> {
  await putRoutesBack.run(redis, [...routeKeys(context), ...refreshOf(context)]);
}

function routeKeys({ keys, options: { service } }: RouteContext): [routes: string, ours: string] {
  return [keys.routes(service), keys.own(service, 'routes', 'ours')];
}

function refreshOf(context: RouteContext): [channel: string, message: string] {
  const { keys, options } = context;
  const { service } = options;
  const refresh = createMessage(
    { to: 'hydra-router:/refresh', from: `${service}:/`, body: { action: 'refresh', serviceName: service } },
    createStamp(context),
  );
  return [keys.serviceChannel('hydra-router'), encodeMessage(refresh)];
}

/** What the set holds: the routes, and the three that Hydra 1.9 adds to every service's. */
export function routeMembers(service: string, routes: readonly string[]): readonly string[] {
  return [...new Set([...routes, `[get]/${service}`, `[get]/${service}/`, `[get]/${service}/:rest`])];
}

/** A number that tells sets of routes apart, so that others notice a new one. */
export function fingerprint(routes: readonly string[]): number {
  return fnv1a(routes.toSorted().join('\n'));
}
