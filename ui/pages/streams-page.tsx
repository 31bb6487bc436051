import { useState } from 'preact/hooks';

import type { ListedStream, ListedStreams } from '../../lib/dashboard/facts/streams.js';
import type { Topology } from '../../lib/registry/topology/topology.js';
import { topic, useTopic } from '../live/topics.js';
import type { PageProps } from '../page-props.js';
import { Nothing, Notes, Problem } from '../parts/shown.js';
import { Table, type Column } from '../parts/table.js';
import { count } from '../parts/words.js';
import { go, href } from '../route.js';
import { StreamPage } from './stream-page.js';

interface StreamRow extends Partial<ListedStream> {
  readonly name: string;
  readonly publishers: readonly string[];
  readonly readers: readonly string[];
  readonly ratePerS: number;
}

const NOT_LOOKED = 'not looked at';

const COLUMNS: readonly Column<StreamRow>[] = [
  { name: 'Stream', cell: ({ name }) => <a href={href('streams', [name])}>{name}</a> },
  { name: 'Published by', cell: ({ publishers }) => publishers.join(', ') || 'nobody who is alive' },
  { name: 'Groups', cell: ({ groups, readers }) => groupsOf(groups, readers) },
  { name: 'In a second', cell: ({ ratePerS }) => count(ratePerS), isNumber: true },
  {
    name: 'Entries',
    cell: ({ unread, length }) => unread ?? (length === undefined ? NOT_LOOKED : count(length)),
    isNumber: true,
  },
  { name: 'Pending', cell: ({ groups }) => sumOf(groups, ({ pending }) => pending), isNumber: true },
  {
    name: 'Dead letters',
    cell: ({ groups }) => sumOf(groups, ({ deadLetters }) => deadLetters),
    isNumber: true,
  },
];

/** All streams, or one of them. */
export function StreamsPage({ words, query }: PageProps) {
  const [name] = words;
  return name === undefined ? <AllStreams /> : <StreamPage stream={name} query={query} />;
}

function AllStreams() {
  const streams = useTopic<ListedStreams>(topic('streams'));
  const topology = useTopic<Topology>(topic('topology'));
  if (!streams.value || !topology.value) {
    const problem = streams.problem ?? topology.problem;
    return problem === undefined ? <Nothing>Reading…</Nothing> : <Problem text={problem} />;
  }
  const rows = rowsOf(streams.value, topology.value);
  return (
    <>
      <Problem text={streams.problem ?? topology.problem} />
      <p>Those with entries, and those that instances which are alive have published to or read.</p>
      {rows.length === 0 ? (
        <Nothing>There is no stream.</Nothing>
      ) : (
        <Table label="Streams" rows={rows} keyOf={({ name }) => name} columns={COLUMNS} />
      )}
      <Notes notes={streams.value.notes} />
      <ByName />
    </>
  );
}

function rowsOf({ streams }: ListedStreams, { nodes, edges }: Topology): readonly StreamRow[] {
  const known = new Map(streams.map((one) => [one.stream, one]));
  const used = nodes.filter(({ kind }) => kind === 'stream').map(({ name }) => name.replace(/^stream:/, ''));
  return [...new Set([...known.keys(), ...used])].toSorted().map((name) => {
    const published = edges.filter(({ to }) => to === `stream:${name}`);
    const read = edges.filter(({ from }) => from === `stream:${name}`);
    return {
      ...known.get(name),
      name,
      publishers: [...new Set(published.map(({ from }) => from))],
      readers: [...new Set(read.map(({ pattern }) => pattern))],
      ratePerS: published.reduce((sum, edge) => sum + edge.ratePerS, 0),
    };
  });
}

type Groups = StreamRow['groups'];

/** With how far each is behind, where that is known. */
function groupsOf(groups: Groups, readers: readonly string[]): string {
  if (!groups) return readers.join(', ') || NOT_LOOKED;
  const texts = groups.map(({ group, lag }) =>
    lag === undefined || lag > 0 ? `${group} (lag ${lag === undefined ? 'not known' : count(lag)})` : group,
  );
  return texts.join(', ') || 'none';
}

function sumOf(groups: Groups, select: (group: NonNullable<Groups>[number]) => number): string {
  if (!groups) return NOT_LOOKED;
  return count(groups.reduce((sum, group) => sum + select(group), 0));
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
