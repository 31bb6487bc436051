import type { IncomingHttpHeaders } from 'node:http';

import { badOption, refuseUnknown, type NamesOf } from '../hydra-options.js';
import type { DashboardAccess } from './access/actions.js';

/**
 * What is known of a request in any framework. It is the request of the application's own framework: Express's or Fastify's.
 *
 * @publicApi
 */
export interface DashboardRequest {
  readonly headers: IncomingHttpHeaders;
}

/**
 * Where the dashboard is, and who may do what there.
 *
 * @publicApi
 */
export interface HydraDashboardOptions {
  /** The path of the page, whatever prefix the controllers have. @defaultValue '/hydra' */
  readonly path?: string;
  /**
   * What whoever made a request may do. It may be asked several times a second; what it throws is logged, and answered as `none`.
   * @defaultValue everything for requests from this machine; then an application that listens for others does not start
   */
  access?(this: void, request: DashboardRequest): DashboardAccess | Promise<DashboardAccess>;
  /** Who made a request, for the log and for the history of configurations. @defaultValue the address that it came from */
  who?(this: void, request: DashboardRequest): string | undefined | Promise<string | undefined>;
}

/** The options, checked. */
export type ResolvedDashboard = Pick<HydraDashboardOptions, 'access' | 'who'> & { readonly path: string };

export const DASHBOARD_TAKER = 'HydraDashboardModule.forRoot';
const NAMES = { path: true, access: true, who: true } satisfies NamesOf<HydraDashboardOptions>;

/** @throws HydraError `BAD_OPTION` */
export function resolveDashboard(options: HydraDashboardOptions): ResolvedDashboard {
  refuseUnknown(DASHBOARD_TAKER, options, NAMES);
  const { path = '/hydra', access, who } = options;
  if (typeof path !== 'string' || !/^(?:\/[\w.~-]+)+$/.test(path))
    throw badOption(`path of ${DASHBOARD_TAKER}`, path, "a path such as '/hydra'");
  for (const [name, given] of Object.entries({ access, who }))
    if (given !== undefined && typeof given !== 'function')
      throw badOption(`${name} of ${DASHBOARD_TAKER}`, given, 'a function of the request');
  return { path, ...(access && { access }), ...(who && { who }) };
}
