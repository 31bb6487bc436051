import type { SeenTopology } from '../../lib/dashboard/facts/topology.js';
import type { TopologyEdge } from '../../lib/registry/topology/topology.js';
import { topic, useTopic } from '../live/topics.js';
import type { PageProps } from '../page-props.js';
import { Nothing, Notes, Problem } from '../parts/shown.js';
import { Table, type Column } from '../parts/table.js';
import { count, millis, percent } from '../parts/words.js';
import { href } from '../route.js';
import { bundlesOf } from '../topology/bundles.js';
import { Picture } from '../topology/picture.js';

const COLUMNS: readonly Column<TopologyEdge>[] = [
  { name: 'From', cell: ({ from }) => <NodeLink name={from} /> },
  { name: 'To', cell: ({ to }) => <NodeLink name={to} /> },
  { name: 'Kind', cell: ({ kind }) => kind },
  { name: 'Pattern', cell: ({ pattern }) => pattern },
  { name: 'In a second', cell: ({ ratePerS }) => count(ratePerS), isNumber: true },
  { name: 'In all', cell: ({ calls }) => count(calls), isNumber: true },
  { name: 'Errors', cell: (edge) => <Errors {...edge} /> },
  { name: 'p50', cell: ({ p50Ms }) => millis(p50Ms), isNumber: true },
  { name: 'p99', cell: ({ p99Ms }) => millis(p99Ms), isNumber: true },
];

/** Who calls whom: rates, errors and durations. */
export function TopologyPage({ query }: PageProps) {
  const { value, problem } = useTopic<SeenTopology>(topic('topology'));
  if (!value) return problem === undefined ? <Nothing>Reading…</Nothing> : <Problem text={problem} />;
  const chosen = value.nodes.some(({ name }) => name === query['node']) ? query['node'] : undefined;
  const edges = value.edges.filter(
    ({ from, to }) => chosen === undefined || from === chosen || to === chosen,
  );
  return (
    <>
      <Problem text={problem} />
      {value.nodes.length === 0 ? (
        <Nothing>No service is registered.</Nothing>
      ) : (
        <Picture nodes={value.nodes} bundles={bundlesOf(value.edges)} chosen={chosen} unread={value.unread} />
      )}
      <Notes notes={value.notes} />
      <p class="links">
        {chosen === undefined ? (
          'A service or a stream can be chosen in the picture.'
        ) : (
          <Chosen name={chosen} />
        )}
      </p>
      {edges.length === 0 ? (
        <Nothing>Nobody has called anybody, as far as is known.</Nothing>
      ) : (
        <Table
          label="What goes from whom to whom"
          columns={COLUMNS}
          rows={edges}
          keyOf={({ from, to, kind, pattern }) => JSON.stringify([from, to, kind, pattern])}
        />
      )}
      <p class="quiet">
        Counted since the processes that are alive began; durations are estimated from histograms.
      </p>
    </>
  );
}

function Chosen({ name }: { readonly name: string }) {
  const stream = /^stream:(.*)$/s.exec(name)?.[1];
  return (
    <>
      <strong>{name}</strong>
      {stream === undefined ? (
        <>
          <a href={href('services', [name])}>Instances</a>
          <a href={href('logs', [name], { level: 'error' })}>Latest errors</a>
          <a href={href('queues', [name, 'default'], { view: 'failures' })}>Failures of jobs</a>
        </>
      ) : (
        <a href={href('streams', [stream])}>The stream</a>
      )}
      <a href={href('topology')}>All</a>
    </>
  );
}

function NodeLink({ name }: { readonly name: string }) {
  return <a href={href('topology', [], { node: name })}>{name}</a>;
}

function Errors({ errors, calls, errorsByCode }: TopologyEdge) {
  if (errors === 0) return <>none</>;
  const codes = Object.entries(errorsByCode).map(([code, many]) => `${code} ${count(many)}`);
  return (
    <span class="error">
      {percent(errors / Math.max(1, calls))}: {codes.join(', ')}
    </span>
  );
}
