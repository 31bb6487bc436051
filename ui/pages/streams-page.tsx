import { useState } from 'preact/hooks';

import type { Topology } from '../../lib/registry/topology/topology.js';
import { topic, useTopic } from '../live/topics.js';
import type { PageProps } from '../page-props.js';
import { Nothing, Problem } from '../parts/shown.js';
import { Table } from '../parts/table.js';
import { count } from '../parts/words.js';
import { go, href } from '../route.js';
import { StreamPage } from './stream-page.js';

interface ListedStream {
  readonly name: string;
  readonly publishers: readonly string[];
  readonly groups: readonly string[];
  readonly ratePerS: number;
}

/** All streams that living instances publish to or read, or one of them. */
export function StreamsPage({ words, query }: PageProps) {
  const [name] = words;
  return name === undefined ? <AllStreams /> : <StreamPage stream={name} query={query} />;
}

function AllStreams() {
  const { value, problem } = useTopic<Topology>(topic('topology'));
  if (!value) return problem === undefined ? <Nothing>Reading…</Nothing> : <Problem text={problem} />;
  const rows = value.nodes.filter(({ kind }) => kind === 'stream').map(({ name }) => streamOf(name, value));
  return (
    <>
      <Problem text={problem} />
      <p>Streams that instances which are alive have published to or read.</p>
      {rows.length === 0 ? (
        <Nothing>No instance has used a stream.</Nothing>
      ) : (
        <Table
          label="Streams"
          rows={rows}
          keyOf={({ name }) => name}
          columns={[
            { name: 'Stream', cell: ({ name }) => <a href={href('streams', [name])}>{name}</a> },
            {
              name: 'Published by',
              cell: ({ publishers }) => publishers.join(', ') || 'nobody who is alive',
            },
            { name: 'Groups', cell: ({ groups }) => groups.join(', ') || 'none that is alive' },
            { name: 'Published in a second', cell: ({ ratePerS }) => count(ratePerS), isNumber: true },
          ]}
        />
      )}
      <ByName />
    </>
  );
}

function streamOf(node: string, { edges }: Topology): ListedStream {
  const published = edges.filter(({ to }) => to === node);
  const read = edges.filter(({ from }) => from === node);
  return {
    name: node.replace(/^stream:/, ''),
    publishers: [...new Set(published.map(({ from }) => from))],
    groups: [...new Set(read.map(({ pattern }) => pattern))],
    ratePerS: published.reduce((sum, edge) => sum + edge.ratePerS, 0),
  };
}

/** Of a stream that nobody uses at the moment. */
function ByName() {
  const [name, setName] = useState('');
  const open = (event: Event) => {
    event.preventDefault();
    if (name !== '') go(href('streams', [name]));
  };
  return (
    <form class="filter" onSubmit={open}>
      <label>
        A stream called <input value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <button type="submit">Show</button>
    </form>
  );
}
