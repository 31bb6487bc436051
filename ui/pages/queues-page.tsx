import { useState } from 'preact/hooks';

import type { ListedQueue, ListedQueues } from '../../lib/dashboard/facts/queues.js';
import { topic, useTopic } from '../live/topics.js';
import type { PageProps } from '../page-props.js';
import { Badge, Nothing, Notes, Problem } from '../parts/shown.js';
import { Table, type Column } from '../parts/table.js';
import { count, counted, duration } from '../parts/words.js';
import { go, href } from '../route.js';
import { JobPage } from './job-page.js';
import { QueuePage } from './queue-page.js';

const COLUMNS: readonly Column<ListedQueue>[] = [
  {
    name: 'Queue',
    cell: ({ service, queue }) => (
      <a href={href('queues', [service, queue])}>
        {service} / {queue}
      </a>
    ),
  },
  { name: 'State', cell: (queue) => <QueueState {...queue} /> },
  { name: 'Waiting', cell: ({ unread, waiting }) => numberOf(unread, waiting), isNumber: true },
  {
    name: 'Oldest waiting',
    cell: ({ oldestMs }) => (oldestMs === undefined ? 'none' : duration(Math.max(0, oldestMs))),
    isNumber: true,
  },
  { name: 'Dead letters', cell: ({ unread, deadLetters }) => numberOf(unread, deadLetters), isNumber: true },
  { name: 'Workers', cell: ({ unread, workers }) => numberOf(unread, workers), isNumber: true },
];

function numberOf(unread: string | undefined, value: number): string {
  return unread === undefined ? count(value) : '?';
}

/** All queues, one of them, or one job: `queues/math/default/<id>`. */
export function QueuesPage({ words, query }: PageProps) {
  const [service, queue = 'default', id] = words;
  if (service === undefined) return <AllQueues />;
  if (id === undefined) return <QueuePage service={service} queue={queue} query={query} />;
  return <JobPage service={service} queue={queue} id={id} />;
}

function AllQueues() {
  const { value, problem } = useTopic<ListedQueues>(topic('queues'));
  if (!value) return problem === undefined ? <Nothing>Reading…</Nothing> : <Problem text={problem} />;
  const rows = value.queues
    .filter(isUsed)
    .toSorted((a, b) => b.waiting + b.deadLetters - (a.waiting + a.deadLetters));
  const services = [...new Set(value.queues.map(({ service }) => service))];
  return (
    <>
      <Problem text={problem} />
      <p>
        All queues that are used, the longest first. Those with a name of their own are looked for once a
        minute.
      </p>
      {rows.length === 0 ? (
        <Nothing>No service uses its queue.</Nothing>
      ) : (
        <Table
          label="Queues"
          columns={COLUMNS}
          rows={rows}
          keyOf={({ service, queue }) => JSON.stringify([service, queue])}
        />
      )}
      <Notes notes={value.notes} />
      <NamedQueue services={services} />
    </>
  );
}

function isUsed({
  queue,
  unread,
  waiting,
  deadLetters,
  workers,
  inProgress,
  isPaused,
}: ListedQueue): boolean {
  return (
    queue !== 'default' ||
    unread !== undefined ||
    isPaused ||
    waiting + deadLetters + workers + inProgress > 0
  );
}

function QueueState({ unread, isPaused, workers, waiting, inProgress, unhandled }: ListedQueue) {
  if (unread !== undefined) return <Badge tone="quiet">{unread}</Badge>;
  if (isPaused) return <Badge tone="warning">paused</Badge>;
  if (waiting > 0 && workers === 0)
    return inProgress > 0 ? (
      <Badge tone="quiet">Hydra 1.x workers</Badge>
    ) : (
      <Badge tone="error">no worker</Badge>
    );
  const aside = Object.values(unhandled).reduce((sum, jobs) => sum + jobs, 0);
  if (aside > 0) return <Badge tone="error">no handler for {counted(aside, 'job')}</Badge>;
  return <Badge tone="good">fine</Badge>;
}

/** One that is in no list: nobody has used it yet, or its name could not be looked for. */
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
