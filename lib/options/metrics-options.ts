import { badOption, integer, nonEmptyString } from './checks.js';
import type { NamesOf } from './names.js';

/**
 * What this process counts, and where it is read.
 *
 * @publicApi
 */
export interface MetricsOptions {
  /** Whether it counts at all. Without, there are no metrics, and this process is not part of the topology. @defaultValue true */
  readonly enabled?: boolean;
  /**
   * Serves the metrics to Prometheus on this path of the application's own HTTP server, such as `/metrics`.
   * @defaultValue no route
   */
  readonly path?: string;
}

/**
 * An HTTP server for the people who run this process: `/metrics`, `/live` and `/ready`. For services that have no HTTP.
 *
 * @publicApi
 */
export interface OpsOptions {
  /** Where it listens; 0 for any free port. */
  readonly port: number;
  /** The address that it listens on. @defaultValue all of this machine's */
  readonly host?: string;
}

export interface ResolvedMetricsOptions {
  readonly enabled: boolean;
  readonly path: string | undefined;
}

export interface ResolvedOpsOptions {
  readonly port: number;
  readonly host: string | undefined;
}

export const METRICS_NAMES = { enabled: true, path: true } satisfies NamesOf<MetricsOptions>;
export const OPS_NAMES = { port: true, host: true } satisfies NamesOf<OpsOptions>;

export function metrics({ enabled = true, path }: MetricsOptions = {}): ResolvedMetricsOptions {
  if (typeof enabled !== 'boolean') throw badOption('metrics.enabled', enabled, 'true or false');
  if (path !== undefined && !(typeof path === 'string' && /^\/[^\s?#]+$/.test(path)))
    throw badOption('metrics.path', path, 'a path such as /metrics');
  if (path !== undefined && !enabled)
    throw badOption('metrics.path', path, 'left out where metrics.enabled is false');
  return Object.freeze({ enabled, path });
}

export function ops(given: OpsOptions | undefined): ResolvedOpsOptions | undefined {
  if (given === undefined) return undefined;
  return Object.freeze({
    port: integer('ops.port', given.port, 0, 65_535),
    host: given.host === undefined ? undefined : nonEmptyString('ops.host', given.host),
  });
}
