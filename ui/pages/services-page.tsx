import { useState } from 'preact/hooks';

import type { Fleet, FleetService } from '../../lib/dashboard/facts/fleet.js';
import { topic, useTopic } from '../live/topics.js';
import type { PageProps } from '../page-props.js';
import { Badge, Nothing, Problem } from '../parts/shown.js';
import { Table, type Column } from '../parts/table.js';
import { bytes, count, counted, millis, percent } from '../parts/words.js';
import { href } from '../route.js';
import { ServicePage } from './service-page.js';

const COLUMNS: readonly Column<FleetService>[] = [
  { name: 'Service', cell: ({ name }) => <a href={href('services', [name])}>{name}</a> },
  { name: 'State', cell: (service) => <State {...service} /> },
  { name: 'Instances', cell: ({ instances, unread }) => unread.registry ?? count(instances), isNumber: true },
  { name: 'Versions', cell: ({ versions }) => versions.join(', ') },
  { name: 'CPU', cell: ({ cpu, unread }) => unread.health ?? percent(cpu), isNumber: true },
  { name: 'Memory', cell: ({ memoryBytes, unread }) => unread.health ?? bytes(memoryBytes), isNumber: true },
  {
    name: 'Event loop, p99',
    cell: ({ eventLoopMs, unread }) => unread.health ?? millis(eventLoopMs),
    isNumber: true,
  },
  {
    name: 'Waiting in its queue',
    cell: ({ queue, unread }) => unread.queue ?? count(queue.waiting),
    isNumber: true,
  },
];

/** All services, or one of them. */
export function ServicesPage({ words, query }: PageProps) {
  const [name] = words;
  return name === undefined ? <AllServices /> : <ServicePage name={name} chosen={query['instance']} />;
}

function AllServices() {
  const { value, problem } = useTopic<Fleet>(topic('fleet'));
  const [text, setText] = useState('');
  if (!value) return problem === undefined ? <Nothing>Reading…</Nothing> : <Problem text={problem} />;
  const rows = value.services.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  return (
    <>
      <Problem text={problem} />
      <p>
        <label>
          Filter by name{' '}
          <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>{' '}
        CPU, memory and delay are those of the busiest instance.
      </p>
      {rows.length === 0 ? (
        <Nothing>No service is registered under such a name.</Nothing>
      ) : (
        <Table label="Services" columns={COLUMNS} rows={rows} keyOf={({ name }) => name} />
      )}
    </>
  );
}

function State({ instances, draining, gone, problems, warnings, legacy, unread }: FleetService) {
  if (unread.registry !== undefined) return <Badge tone="quiet">{unread.registry}</Badge>;
  if (problems.length > 0) return <Badge tone="error">{problems.join('; ')}</Badge>;
  if (instances === gone) return <Badge tone="quiet">no live instance</Badge>;
  if (gone > 0) return <Badge tone="warning">{counted(gone, 'instance')} gone</Badge>;
  if (warnings.length > 0) return <Badge tone="warning">{warnings.join('; ')}</Badge>;
  if (draining > 0) return <Badge tone="info">{count(draining)} draining</Badge>;
  if (legacy === instances) return <Badge tone="quiet">Hydra 1.x</Badge>;
  if (unread.health !== undefined) return <Badge tone="quiet">health: {unread.health}</Badge>;
  return <Badge tone="good">fine</Badge>;
}
