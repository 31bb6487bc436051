import { useState } from 'preact/hooks';

import type { ListedEntry, ListedLetter } from '../../lib/dashboard/ask/stream-questions.js';
import type { GroupInfo, StreamInfo } from '../../lib/streams/stored/stream-info.js';
import { useAsked } from '../live/ask.js';
import { topic, useTopic } from '../live/topics.js';
import { ActButton } from '../parts/act-button.js';
import { BulkButton } from '../parts/bulk-button.js';
import { Ago, Facts, Nothing, Problem, Stored } from '../parts/shown.js';
import { Table } from '../parts/table.js';
import { count } from '../parts/words.js';
import { go, href } from '../route.js';
import { GroupDetails } from './group-details.js';

interface StreamProps {
  readonly stream: string;
  readonly query: Readonly<Record<string, string>>;
}

/** One stream: how far its groups have come, what they gave up, and its entries. */
export function StreamPage({ stream, query }: StreamProps) {
  const { value, problem } = useTopic<StreamInfo>(topic('stream', stream));
  return (
    <>
      <h2>{stream}</h2>
      <Problem text={problem} />
      {value ? <Groups stream={stream} info={value} chosen={query['group']} /> : <Nothing>Reading…</Nothing>}
      <Entries stream={stream} query={query} />
    </>
  );
}

interface GroupsProps {
  readonly stream: string;
  readonly info: StreamInfo;
  /** The group of which consumers and pending entries are shown. */
  readonly chosen: string | undefined;
}

function Groups({ stream, info, chosen }: GroupsProps) {
  const { length, oldest, newest, groups } = info;
  return (
    <>
      <Facts
        facts={[
          ['Entries', count(length)],
          ['Oldest', oldest ?? 'none'],
          ['Newest', newest ?? 'none'],
        ]}
      />
      {groups.length === 0 ? (
        <Nothing>No group reads it.</Nothing>
      ) : (
        <Table
          label="Groups"
          rows={groups}
          keyOf={({ name }) => name}
          toneOf={({ name }) => (name === chosen ? 'chosen' : undefined)}
          columns={[
            {
              name: 'Group',
              cell: ({ name }) => <a href={href('streams', [stream], { group: name })}>{name}</a>,
            },
            {
              name: 'Lag',
              cell: ({ lag }) => (lag === undefined ? 'not known to Redis' : count(lag)),
              isNumber: true,
            },
            { name: 'Pending', cell: ({ pending }) => count(pending), isNumber: true },
            {
              name: 'Oldest pending',
              cell: ({ oldestPendingAt }) => (oldestPendingAt ? <Ago at={oldestPendingAt} /> : 'none'),
            },
            { name: 'Consumers', cell: ({ consumers }) => count(consumers), isNumber: true },
            { name: 'Dead letters', cell: ({ deadLetters }) => count(deadLetters), isNumber: true },
            { name: 'Lost to trimming', cell: ({ lostToTrim }) => count(lostToTrim), isNumber: true },
            { name: 'Actions', cell: ({ name }) => <Replay stream={stream} group={name} /> },
          ]}
        />
      )}
      {chosen !== undefined && <GroupDetails key={chosen} stream={stream} group={chosen} />}
      {groups
        .filter(({ deadLetters }) => deadLetters > 0)
        .map((group) => (
          <Letters key={group.name} stream={stream} group={group} />
        ))}
    </>
  );
}

/** Moves a group: what it has handled is handled again, or what it has not is left out. */
function Replay({ stream, group }: { readonly stream: string; readonly group: string }) {
  const [from, setFrom] = useState('');
  return (
    <span class="buttons">
      <label>
        from{' '}
        <input
          size={22}
          value={from}
          placeholder="beginning, new, id or time"
          onInput={(event) => setFrom(event.currentTarget.value)}
        />
      </label>
      {from !== '' && (
        <ActButton
          action="stream.replay"
          order={{ stream, group, from }}
          label="Replay"
          about={group}
          question={`Group "${group}" goes to ${from}. Entries after it that were handled are handled again, with all that this does; entries before it that were not handled are left out.`}
        />
      )}
    </span>
  );
}

function Letters({
  stream,
  group: { name, deadLetters },
}: {
  readonly stream: string;
  readonly group: GroupInfo;
}) {
  const { value, error, again } = useAsked<readonly ListedLetter[]>('letters', { stream, group: name });
  const order = { stream, group: name };
  return (
    <section>
      <h3>Dead letters of {name}</h3>
      <Problem text={error} />
      <p class="buttons">
        <BulkButton
          action="stream.redrive"
          order={order}
          label="Redrive"
          what={`all dead letters of ${name}`}
        />
        <BulkButton
          action="stream.remove"
          order={order}
          label="Remove"
          what={`all dead letters of ${name}`}
        />
        <button type="button" onClick={again}>
          Read again
        </button>
      </p>
      <Table
        label={`Dead letters of ${name}`}
        rows={value ?? []}
        keyOf={({ id }) => id}
        columns={[
          { name: 'Entry', cell: ({ entryId }) => <code>{entryId}</code> },
          { name: 'Given up', cell: ({ diedAt }) => <Ago at={diedAt} /> },
          { name: 'Attempts', cell: ({ attempts }) => count(attempts), isNumber: true },
          { name: 'Reason', cell: ({ reason }) => reason },
          {
            name: 'Actions',
            cell: ({ id }) => (
              <span class="buttons">
                <ActButton
                  action="stream.redrive"
                  order={{ ...order, id }}
                  label="Redrive"
                  about={id}
                  onDone={again}
                />
                <ActButton
                  action="stream.remove"
                  order={{ ...order, id }}
                  label="Remove"
                  about={id}
                  question="Nothing is left of the dead letter; the entry itself stays in the stream."
                  onDone={again}
                />
              </span>
            ),
          },
        ]}
      />
      {value && value.length < deadLetters && (
        <p>
          The first {count(value.length)} of {count(deadLetters)}.
        </p>
      )}
    </section>
  );
}

function Entries({ stream, query }: StreamProps) {
  const { at = '', before = '' } = query;
  const { value, error, again } = useAsked<readonly ListedEntry[]>('entries', { stream, at, before });
  const [text, setText] = useState(at);
  const search = (event: Event) => {
    event.preventDefault();
    if (text === at && before === '') return again();
    go(href('streams', [stream], { at: text }));
  };
  const last = value?.at(-1)?.id;
  return (
    <section>
      <h3>Entries, the newest first</h3>
      <form class="filter" onSubmit={search}>
        <label>
          Up to an id or a time <input value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <button type="submit">Read</button>
      </form>
      <Problem text={error} />
      {value?.length === 0 && <Nothing>There is no entry.</Nothing>}
      {value?.map(({ id, fields }) => (
        <details key={id}>
          <summary>
            <code>{id}</code> <Ago at={new Date(Number(id.split('-')[0])).toISOString()} />
          </summary>
          {fields.map(([name, stored]) => (
            <div key={name}>
              {name}: <Stored text={stored} label={`${name} of ${id}`} />
            </div>
          ))}
        </details>
      ))}
      {last !== undefined && value && value.length >= 50 && (
        <a href={href('streams', [stream], { before: last })}>Older ones</a>
      )}
    </section>
  );
}
