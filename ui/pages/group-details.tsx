import { useState } from 'preact/hooks';

import type { SeenGroup } from '../../lib/dashboard/ask/stream-questions.js';
import { useAsked } from '../live/ask.js';
import { Id, Nothing, Problem } from '../parts/shown.js';
import { Table } from '../parts/table.js';
import { count, duration, millis } from '../parts/words.js';
import { href } from '../route.js';

const PAGE = 50;

interface DetailsProps {
  readonly stream: string;
  readonly group: string;
}

/** Who reads a group, and what was delivered to it and is not acknowledged, page by page. */
export function GroupDetails({ stream, group }: DetailsProps) {
  const [after, setAfter] = useState('');
  const { value, error, isWaiting, again } = useAsked<SeenGroup>('group', { stream, group, after });
  const last = value?.pending.at(-1)?.id ?? '';
  return (
    <section>
      <h3>Consumers of {group}</h3>
      <Problem text={error} />
      {value ? (
        <Consumers group={group} seen={value} />
      ) : (
        <Nothing>{isWaiting ? 'Reading…' : 'Not read.'}</Nothing>
      )}
      <h3>Pending entries of {group}, the oldest first</h3>
      {value?.pending.length === 0 && (
        <Nothing>{after === '' ? 'None is pending.' : 'No more are pending.'}</Nothing>
      )}
      {value && value.pending.length > 0 && <Pending stream={stream} group={group} seen={value} />}
      <p class="buttons">
        {after !== '' && (
          <button type="button" onClick={() => setAfter('')}>
            From the oldest
          </button>
        )}
        {value && value.pending.length >= PAGE && (
          <button type="button" onClick={() => setAfter(last)}>
            More of them
          </button>
        )}
        <button type="button" disabled={isWaiting} onClick={again}>
          Read the group again
        </button>
      </p>
    </section>
  );
}

interface SeenProps {
  readonly group: string;
  readonly seen: SeenGroup;
}

function Consumers({ group, seen: { consumers, consumerCount } }: SeenProps) {
  if (consumerCount === 0) return <Nothing>Nobody reads it.</Nothing>;
  return (
    <>
      <Table
        label={`Consumers of ${group}`}
        rows={consumers}
        keyOf={({ name }) => name}
        columns={[
          { name: 'Consumer', cell: ({ name }) => <Id id={name} /> },
          { name: 'Pending', cell: ({ pending }) => count(pending), isNumber: true },
          { name: 'Heard of', cell: ({ idleMs }) => ago(idleMs) },
        ]}
      />
      {consumerCount > consumers.length && (
        <p>
          Those with the most pending entries: {count(consumers.length)} of {count(consumerCount)}.
        </p>
      )}
    </>
  );
}

function Pending({ stream, group, seen: { pending } }: SeenProps & { readonly stream: string }) {
  return (
    <Table
      label={`Pending entries of ${group}`}
      rows={pending}
      keyOf={({ id }) => id}
      columns={[
        {
          name: 'Entry',
          cell: ({ id }) => (
            <a href={href('streams', [stream], { group, at: id })}>
              <code>{id}</code>
            </a>
          ),
        },
        {
          name: 'With',
          cell: ({ consumer }) => (consumer === undefined ? 'nobody yet' : <Id id={consumer} />),
        },
        { name: 'Delivered', cell: ({ idleMs }) => ago(idleMs) },
        { name: 'Deliveries', cell: ({ deliveries }) => count(deliveries), isNumber: true },
      ]}
    />
  );
}

function ago(ms: number): string {
  return `${ms < 1_000 ? millis(ms) : duration(ms)} ago`;
}
