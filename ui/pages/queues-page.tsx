import { useState } from 'preact/hooks';

import type { Fleet, FleetService } from '../../lib/dashboard/facts/fleet.js';
import { topic, useTopic } from '../live/topics.js';
import type { PageProps } from '../page-props.js';
import { Badge, Nothing, Problem } from '../parts/shown.js';
import { Table, type Column } from '../parts/table.js';
import { count } from '../parts/words.js';
import { go, href } from '../route.js';
import { JobPage } from './job-page.js';
import { QueuePage } from './queue-page.js';

const COLUMNS: readonly Column<FleetService>[] = [
  { name: 'Service', cell: ({ name }) => <a href={href('queues', [name, 'default'])}>{name}</a> },
  { name: 'State', cell: ({ queue }) => <QueueState {...queue} /> },
  { name: 'Waiting', cell: ({ queue }) => count(queue.waiting), isNumber: true },
  { name: 'Dead letters', cell: ({ queue }) => count(queue.dead), isNumber: true },
  { name: 'Workers', cell: ({ queue }) => count(queue.workers), isNumber: true },
];

/** All queues, one of them, or one job: `queues/math/default/<id>`. */
export function QueuesPage({ words, query }: PageProps) {
  const [service, queue = 'default', id] = words;
  if (service === undefined) return <AllQueues />;
  if (id === undefined) return <QueuePage service={service} queue={queue} query={query} />;
  return <JobPage service={service} queue={queue} id={id} />;
}

function AllQueues() {
  const { value, problem } = useTopic<Fleet>(topic('fleet'));
  if (!value) return problem === undefined ? <Nothing>Reading…</Nothing> : <Problem text={problem} />;
  const rows = value.services
    .filter(
      ({ queue }) => queue.waiting + queue.dead + queue.workers + queue.inProgress > 0 || queue.isPaused,
    )
    .toSorted((a, b) => b.queue.waiting + b.queue.dead - (a.queue.waiting + a.queue.dead));
  return (
    <>
      <Problem text={problem} />
      <p>The default queue of each service that uses one, the longest first.</p>
      {rows.length === 0 ? (
        <Nothing>No service uses its queue.</Nothing>
      ) : (
        <Table label="Queues" columns={COLUMNS} rows={rows} keyOf={({ name }) => name} />
      )}
      <NamedQueue services={value.services.map(({ name }) => name)} />
    </>
  );
}

function QueueState({ isPaused, workers, waiting, inProgress }: FleetService['queue']) {
  if (isPaused) return <Badge tone="warning">paused</Badge>;
  if (waiting > 0 && workers === 0)
    return inProgress > 0 ? (
      <Badge tone="quiet">Hydra 1.x workers</Badge>
    ) : (
      <Badge tone="error">no worker</Badge>
    );
  return <Badge tone="good">fine</Badge>;
}

/** Queues with a name of their own are in no list. */
function NamedQueue({ services }: { readonly services: readonly string[] }) {
  const [service, setService] = useState('');
  const [queue, setQueue] = useState('');
  const open = (event: Event) => {
    event.preventDefault();
    if (service !== '' && queue !== '') go(href('queues', [service, queue]));
  };
  return (
    <form class="filter" onSubmit={open}>
      <label>
        A named queue of{' '}
        <input list="services" value={service} onInput={(event) => setService(event.currentTarget.value)} />
      </label>
      <datalist id="services">
        {services.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <label>
        called <input value={queue} onInput={(event) => setQueue(event.currentTarget.value)} />
      </label>
      <button type="submit">Show</button>
    </form>
  );
}
