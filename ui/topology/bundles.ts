import type { TopologyEdge } from '../../lib/registry/topology/topology.js';

/** All that goes from one node to another, in one line of the picture. */
export interface Bundle {
  readonly from: string;
  readonly to: string;
  readonly ratePerS: number;
  readonly calls: number;
  readonly errors: number;
  /** The slowest of them: percentiles cannot be added. */
  readonly p99Ms: number | undefined;
}

export function bundlesOf(edges: readonly TopologyEdge[]): readonly Bundle[] {
  const bundles = new Map<string, Bundle>();
  for (const { from, to, ratePerS, calls, errors, p99Ms } of edges) {
    const key = JSON.stringify([from, to]);
    const known = bundles.get(key);
    bundles.set(key, {
      from,
      to,
      ratePerS: (known?.ratePerS ?? 0) + ratePerS,
      calls: (known?.calls ?? 0) + calls,
      errors: (known?.errors ?? 0) + errors,
      p99Ms: slower(known?.p99Ms, p99Ms),
    });
  }
  return [...bundles.values()];
}

function slower(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : Math.max(a, b ?? 0);
}
