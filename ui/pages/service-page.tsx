import type { SeenInstance, SeenService } from '../../lib/dashboard/facts/service.js';
import { topic, useTopic } from '../live/topics.js';
import { Ago, Badge, Facts, Id, Nothing, Notes, Problem, Stored } from '../parts/shown.js';
import { Table, type Column } from '../parts/table.js';
import { bytes, count, duration, millis, NOT_REPORTED, percent } from '../parts/words.js';
import { href } from '../route.js';

const COLUMNS: readonly Column<SeenInstance>[] = [
  { name: 'Instance', cell: ({ id }) => <Id id={id} /> },
  { name: 'State', cell: (instance) => <State {...instance} /> },
  { name: 'Version', cell: ({ version }) => version },
  { name: 'Address', cell: ({ host, port }) => (port === 0 ? host : `${host}:${port}`) },
  { name: 'Process', cell: ({ hostName, pid }) => `${hostName}/${pid}` },
  { name: 'Up', cell: ({ uptimeSeconds }) => duration(thousands(uptimeSeconds)), isNumber: true },
  { name: 'CPU', cell: ({ vitals }) => percent(vitals?.cpu), isNumber: true },
  { name: 'Memory', cell: ({ memory }) => bytes(memory?.['rss']), isNumber: true },
  { name: 'Event loop, p99', cell: ({ vitals }) => millis(vitals?.eventLoopDelayMs['p99']), isNumber: true },
  { name: 'Calls now', cell: ({ vitals }) => count(vitals?.activity['calls']?.['handling']), isNumber: true },
  { name: 'Configuration', cell: ({ capabilities }) => capabilities?.config ?? NOT_REPORTED },
];

/** One service: its instances, and what they say of themselves. */
export function ServicePage({
  name,
  chosen,
}: {
  readonly name: string;
  readonly chosen: string | undefined;
}) {
  const { value, problem } = useTopic<SeenService>(topic('service', name));
  if (!value) return problem === undefined ? <Nothing>Reading…</Nothing> : <Problem text={problem} />;
  const { instances, routes, queue, unread } = value;
  return (
    <>
      <h2>{name}</h2>
      <Problem text={problem} />
      <p class="links">
        <a href={href('logs', [name])}>Logs</a>
        <a href={href('queues', [name, 'default'])}>
          Queue{queue.waiting > 0 && `, ${count(queue.waiting)} waiting`}
        </a>
      </p>
      <Notes notes={Object.entries(unread).map(([part, why]) => `${part}: ${why}`)} />
      {unread.registry === undefined && instances.every(({ isGone }) => isGone) && (
        <Nothing>No instance of it is alive.</Nothing>
      )}
      {instances.length > 0 && (
        <Table
          label={`Instances of ${name}`}
          columns={COLUMNS}
          rows={instances}
          keyOf={({ id }) => id}
          toneOf={({ id }) => (id === chosen ? 'chosen' : undefined)}
        />
      )}
      {instances.map((instance) => (
        <Details key={instance.id} instance={instance} isOpen={instance.id === chosen} />
      ))}
      <h3>Routes</h3>
      {routes.length === 0 ? (
        <Nothing>{unread.routes ?? 'It has registered none.'}</Nothing>
      ) : (
        <ul class="routes">
          {routes.map((route) => (
            <li key={route}>
              <code>{route}</code>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Details({ instance, isOpen }: { readonly instance: SeenInstance; readonly isOpen: boolean }) {
  const { id, service, nodeVersion, updatedOn, capabilities, vitals, leftOutBy, stored } = instance;
  const { tags = [], metadata = {} } = capabilities ?? {};
  const activity = Object.entries(vitals?.activity ?? {}).flatMap(([part, numbers]) =>
    Object.entries(numbers).map(([what, value]) => `${part}.${what}: ${count(value)}`),
  );
  return (
    <details open={isOpen}>
      <summary>
        <Id id={id} /> in detail
      </summary>
      <Facts
        facts={[
          ['Whole id', <code>{id}</code>],
          ['Log', <a href={href('logs', [service, id])}>of this instance</a>],
          ['Node.js', nodeVersion ?? NOT_REPORTED],
          ['Registered', <Ago at={updatedOn} />],
          ['Tags', capabilities ? tags.join(', ') || 'none' : NOT_REPORTED],
          ['Metadata', capabilities ? pairs(metadata) || 'none' : NOT_REPORTED],
          ['Activity', activity.join(', ') || NOT_REPORTED],
          ['Left out by callers', leftOutBy.join(', ') || 'by none that reports it'],
        ]}
      />
      {stored.map((text, index) => (
        <Stored
          key={index}
          text={text}
          label={`The ${index === 0 ? 'record' : 'health'} of ${id}, as stored`}
        />
      ))}
    </details>
  );
}

function pairs(metadata: Readonly<Record<string, unknown>>): string {
  return Object.entries(metadata)
    .map(([key, value]) => `${key}: ${String(value)}`)
    .join(', ');
}

function State({ isGone, capabilities, vitals, leftOutBy }: SeenInstance) {
  if (isGone) return <Badge tone="error">gone</Badge>;
  if (!capabilities) return <Badge tone="quiet">Hydra 1.x</Badge>;
  const { problems = [], warnings = [] } = vitals ?? {};
  if (problems.length > 0) return <Badge tone="error">{problems.join('; ')}</Badge>;
  if (!vitals) return <Badge tone="warning">no health record</Badge>;
  if (capabilities.draining) return <Badge tone="info">draining</Badge>;
  if (leftOutBy.length > 0) return <Badge tone="warning">left out by {count(leftOutBy.length)}</Badge>;
  if (warnings.length > 0) return <Badge tone="warning">{warnings.join('; ')}</Badge>;
  return <Badge tone="good">{capabilities.acceptsCalls ? 'serving' : 'calling'}</Badge>;
}

function thousands(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000;
}
