import { quantile } from '../../metrics/histogram.js';
import type { EdgeKind, EdgeRecord, InstanceEdges } from '../../protocol/edges.js';

const SECOND_MS = 1_000;
const STREAM = 'stream:';

/**
 * A service, or a stream that services publish to and read.
 *
 * @publicApi
 */
export interface TopologyNode {
  /** The name of the service; `stream:<name>` for a stream. */
  readonly name: string;
  /** What it is. */
  readonly kind: 'service' | 'stream';
  /** How many instances are alive; 0 for a stream, and for a service that others called and that is not there. */
  readonly instances: number;
}

/**
 * What goes from one node to another, by what it is and its pattern.
 *
 * @publicApi
 */
export interface TopologyEdge {
  /** The name of the node that sends. */
  readonly from: string;
  /** The name of the node that receives. */
  readonly to: string;
  /** What is sent. */
  readonly kind: EdgeKind;
  /** The pattern of calls, events and jobs; the method of HTTP requests; the type of published entries, and the group that reads. */
  readonly pattern: string;
  /** Since the processes began that are alive. */
  readonly calls: number;
  /** How many of them failed. */
  readonly errors: number;
  /** By the code of the error. */
  readonly errorsByCode: Readonly<Record<string, number>>;
  /** Over the last seconds. */
  readonly ratePerS: number;
  /** Half of them took no longer, in milliseconds, estimated from a histogram; undefined where nothing was measured. */
  readonly p50Ms: number | undefined;
  /** 99 of 100 took no longer. */
  readonly p99Ms: number | undefined;
}

/**
 * Who calls whom.
 *
 * @publicApi
 */
export interface Topology {
  /** Services and streams. */
  readonly nodes: readonly TopologyNode[];
  /** What goes from one of them to another; none where nothing was sent. */
  readonly edges: readonly TopologyEdge[];
}

/** What one living instance says, and which service it belongs to. */
export interface ToldEdges {
  readonly service: string;
  readonly told: InstanceEdges | undefined;
}

interface Side {
  calls: number;
  ratePerS: number;
  readonly counts: number[];
}

interface Merged {
  readonly from: string;
  readonly to: string;
  readonly kind: EdgeKind;
  readonly pattern: string;
  readonly errors: Map<string, number>;
  /** By those who sent, and by those who handled. */
  readonly out: Side;
  readonly in: Side;
}

/** Adds up what all living instances say. */
export function mergeTopology(instances: readonly ToldEdges[]): Topology {
  const merged = new Map<string, Merged>();
  for (const { service, told } of instances)
    for (const record of told?.edges ?? []) add(merged, service, record, told!.windowMs);
  const edges = [...merged.values()].map(edgeOf).toSorted(byName);
  return { nodes: nodesOf(instances, edges), edges };
}

function add(merged: Map<string, Merged>, service: string, record: EdgeRecord, windowMs: number): void {
  const { kind, direction, other, pattern, errors } = record;
  const [from, to] = direction === 'out' ? [service, other] : [other, service];
  const key = JSON.stringify([from, to, kind, pattern]);
  let edge = merged.get(key);
  if (!edge)
    merged.set(key, (edge = { from, to, kind, pattern, errors: new Map(), out: side(), in: side() }));
  const own = edge[direction];
  own.calls += record.count;
  own.ratePerS += windowMs > 0 ? (record.recent * SECOND_MS) / windowMs : 0;
  for (const [index, count] of record.counts.entries()) own.counts[index] = (own.counts[index] ?? 0) + count;
  for (const [code, count] of Object.entries(errors)) {
    // What a caller hears of, its callee counts too.
    if (kind === 'call' && direction === 'in' && edge.out.calls > 0) continue;
    edge.errors.set(code, (edge.errors.get(code) ?? 0) + count);
  }
}

function side(): Side {
  return { calls: 0, ratePerS: 0, counts: [] };
}

/** How many is known by who sends, how long a job takes by who runs it. */
function edgeOf({ from, to, kind, pattern, errors, ...sides }: Merged): TopologyEdge {
  const counted = sides.out.calls > 0 ? sides.out : sides.in;
  const measured = kind === 'job' && sides.in.calls > 0 ? sides.in : counted;
  return {
    from,
    to,
    kind,
    pattern,
    calls: counted.calls,
    errors: [...errors.values()].reduce((sum, count) => sum + count, 0),
    errorsByCode: Object.fromEntries(errors),
    ratePerS: Math.round(counted.ratePerS * 100) / 100,
    p50Ms: quantile(measured.counts, 0.5),
    p99Ms: quantile(measured.counts, 0.99),
  };
}

function nodesOf(instances: readonly ToldEdges[], edges: readonly TopologyEdge[]): TopologyNode[] {
  const counts = new Map<string, number>();
  for (const { service } of instances) counts.set(service, (counts.get(service) ?? 0) + 1);
  for (const name of edges.flatMap(({ from, to }) => [from, to])) counts.set(name, counts.get(name) ?? 0);
  const nodes = [...counts].map(([name, count]): TopologyNode => ({
    name,
    kind: name.startsWith(STREAM) ? 'stream' : 'service',
    instances: count,
  }));
  return nodes.toSorted((a, b) => a.name.localeCompare(b.name));
}

function byName(a: TopologyEdge, b: TopologyEdge): number {
  return (
    a.from.localeCompare(b.from) ||
    a.to.localeCompare(b.to) ||
    a.kind.localeCompare(b.kind) ||
    a.pattern.localeCompare(b.pattern)
  );
}
