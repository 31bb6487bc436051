import type { Instance } from '../../hydra-options.js';
import { allowsVerb } from './route-pattern.js';
import type { ServiceView } from '../discovery/service-view.js';

/**
 * The service and route for an HTTP request.
 *
 * @publicApi
 */
export interface RouteMatch {
  /** The service that serves the request. */
  readonly service: string;
  /** The route as the service registered it: `[get]/v1/orders/:id`. */
  readonly route: string;
  /** The path's parameters, decoded. A wildcard without a name is called `splat`. */
  readonly params: Readonly<Record<string, string>>;
  /** The service's live instances. */
  readonly instances: readonly Instance[];
}

/** The longest path, without its query, that is matched: the limit that nginx has for the first line of a request. */
export const LONGEST_PATH = 8_192;

/** The best match among these services; undefined when there is none, or the path is longer than {@link LONGEST_PATH}. */
export function matchRoutes(
  views: readonly Pick<ServiceView, 'service' | 'instances' | 'routes'>[],
  method: string,
  path: string,
): RouteMatch | undefined {
  const queryAt = path.indexOf('?');
  const pathname = queryAt < 0 ? path : path.slice(0, queryAt);
  if (pathname.length > LONGEST_PATH) return undefined;
  let best: RouteMatch | undefined;
  let bestWeight = -1;
  for (const { service, instances, routes } of views) {
    for (const pattern of routes.patterns) {
      if (pattern.weight <= bestWeight || !allowsVerb(pattern, method)) continue;
      const params = pattern.match(pathname);
      if (!params) continue;
      best = { service, route: pattern.route, params, instances };
      bestWeight = pattern.weight;
    }
  }
  return best;
}
