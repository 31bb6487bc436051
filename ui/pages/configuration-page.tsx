import type { Fleet } from '../../lib/dashboard/facts/fleet.js';
import { topic, useTopic } from '../live/topics.js';
import type { PageProps } from '../page-props.js';
import { Nothing, Problem } from '../parts/shown.js';
import { Table } from '../parts/table.js';
import { NOT_REPORTED } from '../parts/words.js';
import { href } from '../route.js';
import { ServiceConfiguration } from './service-configuration.js';

/** The configurations of all services, or of one. */
export function ConfigurationPage({ words, query }: PageProps) {
  const [service] = words;
  return service === undefined ? (
    <AllConfigurations />
  ) : (
    <ServiceConfiguration service={service} query={query} />
  );
}

function AllConfigurations() {
  const { value, problem } = useTopic<Fleet>(topic('fleet'));
  if (!value) return problem === undefined ? <Nothing>Reading…</Nothing> : <Problem text={problem} />;
  if (value.services.length === 0) return <Nothing>No service is registered.</Nothing>;
  return (
    <>
      <Problem text={problem} />
      <Table
        label="Configurations"
        rows={value.services}
        keyOf={({ name }) => name}
        columns={[
          { name: 'Service', cell: ({ name }) => <a href={href('configuration', [name])}>{name}</a> },
          { name: 'Its instances run with', cell: ({ configs }) => configs.join(', ') || NOT_REPORTED },
        ]}
      />
    </>
  );
}
