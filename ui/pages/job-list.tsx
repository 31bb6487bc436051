import { useState } from 'preact/hooks';

import type { ListedJob, ListedJobs } from '../../lib/dashboard/ask/queue-questions.js';
import { useAsked } from '../live/ask.js';
import { ActButton } from '../parts/act-button.js';
import { BulkButton } from '../parts/bulk-button.js';
import { Ago, Id, Nothing, Problem } from '../parts/shown.js';
import { Table, type Column } from '../parts/table.js';
import { count, counted, millis } from '../parts/words.js';
import { go, href } from '../route.js';

interface JobListProps {
  readonly service: string;
  readonly queue: string;
  readonly state: string;
  readonly query: Readonly<Record<string, string>>;
}

const PAGE = 50;

/** The jobs of one state, page by page, or those that a search finds. */
export function JobList({ service, queue, state, query }: JobListProps) {
  const { pattern = '', text = '', offset = '' } = query;
  const words = { service, queue, state, pattern, text, offset };
  const { value, error, isWaiting, again } = useAsked<ListedJobs>('jobs', words);
  const isSearch = pattern !== '' || text !== '';
  const at = Number(offset || 0);
  const page = (from: number) =>
    href('queues', [service, queue], { view: state, offset: from > 0 ? String(from) : '' });
  return (
    <>
      <Search service={service} queue={queue} state={state} query={query} onAgain={again} />
      <Problem text={error} />
      {isSearch && value && (
        <p>
          {counted(value.looked ?? 0, 'job')} looked at
          {value.hasMore && ', and there are more: the newest are found'}.{' '}
          {Object.entries(value.patterns ?? {})
            .map(([name, found]) => `${name}: ${count(found)}`)
            .join(', ')}
        </p>
      )}
      <Bulk service={service} queue={queue} state={state} filter={{ pattern, text }} />
      {!value ? (
        <Nothing>{isWaiting ? 'Reading…' : 'Nothing could be read.'}</Nothing>
      ) : value.jobs.length === 0 ? (
        <Nothing>
          No job is {state === 'active' ? 'running' : state}
          {isSearch && ' and passes'}.
        </Nothing>
      ) : (
        <Table
          label={`Jobs: ${state}`}
          columns={columnsOf({ service, queue, state, again })}
          rows={value.jobs}
          keyOf={({ id, enqueuedAt, finishedAt }) => `${id} ${String(enqueuedAt)} ${String(finishedAt)}`}
        />
      )}
      {!isSearch && (
        <p class="buttons">
          {at > 0 && <a href={page(Math.max(0, at - PAGE))}>Before</a>}
          {value?.jobs.length === PAGE && <a href={page(at + PAGE)}>More</a>}
        </p>
      )}
    </>
  );
}

function Search({ service, queue, state, query, onAgain }: JobListProps & { readonly onAgain: () => void }) {
  const [pattern, setPattern] = useState(query['pattern'] ?? '');
  const [text, setText] = useState(query['text'] ?? '');
  const [id, setId] = useState('');
  const search = (event: Event) => {
    event.preventDefault();
    if (id.trim() !== '') return go(href('queues', [service, queue, id.trim()]));
    const asked = [query['pattern'] ?? '', query['text'] ?? '', query['offset'] ?? ''];
    if ([pattern, text, ''].join('\n') === asked.join('\n')) return onAgain();
    go(href('queues', [service, queue], { view: state, pattern, text }));
  };
  return (
    <form class="filter" onSubmit={search}>
      <label>
        Id <input value={id} onInput={(event) => setId(event.currentTarget.value)} />
      </label>
      <label>
        Pattern <input value={pattern} onInput={(event) => setPattern(event.currentTarget.value)} />
      </label>
      <label>
        Text <input value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit">Search, or read again</button>
    </form>
  );
}

interface BulkOfState {
  readonly service: string;
  readonly queue: string;
  readonly state: string;
  readonly filter: { readonly pattern: string; readonly text: string };
}

/** What is done to all of a state, or to those that a search finds. */
function Bulk({ service, queue, state, filter }: BulkOfState) {
  const order = { service, queue, filter };
  const all =
    filter.pattern === '' && filter.text === '' ? `all ${state} jobs` : `${state} jobs that the search finds`;
  return (
    <p class="buttons">
      {state === 'dead' && <BulkButton action="queue.redrive" order={order} label="Redrive" what={all} />}
      {['waiting', 'delayed', 'dead', 'completed'].includes(state) && (
        <BulkButton action="queue.remove" order={{ ...order, state }} label="Remove" what={all} />
      )}
      {['waiting', 'active', 'delayed'].includes(state) && filter.pattern !== '' && filter.text === '' && (
        <BulkButton
          action="queue.cancel"
          order={{ service, queue, pattern: filter.pattern }}
          label="Cancel"
          what={`all jobs "${filter.pattern}" that wait, are delayed or run`}
        />
      )}
    </p>
  );
}

interface InList {
  readonly service: string;
  readonly queue: string;
  readonly state: string;
  readonly again: () => void;
}

function columnsOf({ service, queue, state, again }: InList): readonly Column<ListedJob>[] {
  return [
    {
      name: 'Job',
      cell: ({ id }) => (
        <a href={href('queues', [service, queue, id])}>
          <Id id={id} />
        </a>
      ),
    },
    { name: 'Pattern', cell: ({ pattern }) => pattern },
    timeOf(state),
    { name: 'Attempts', cell: ({ attempts }) => count(attempts), isNumber: true },
    ...(state === 'completed'
      ? [{ name: 'Took', cell: ({ tookMs }: ListedJob) => millis(tookMs), isNumber: true }]
      : [{ name: 'Last error', cell: ({ error }: ListedJob) => error ?? '' }]),
    {
      name: 'Actions',
      cell: ({ id }) => <JobActions service={service} queue={queue} state={state} id={id} onDone={again} />,
    },
  ];
}

function timeOf(state: string): Column<ListedJob> {
  if (state === 'delayed') return { name: 'Due', cell: ({ dueAt }) => <Ago at={dueAt} /> };
  if (state === 'dead') return { name: 'Given up', cell: ({ finishedAt }) => <Ago at={finishedAt} /> };
  if (state === 'completed') return { name: 'Completed', cell: ({ finishedAt }) => <Ago at={finishedAt} /> };
  return { name: 'Added', cell: ({ enqueuedAt }) => <Ago at={enqueuedAt} /> };
}

interface JobActionsProps {
  readonly service: string;
  readonly queue: string;
  readonly state: string;
  readonly id: string;
  readonly onDone: () => void;
}

/** What can be done to one job. */
export function JobActions({ service, queue, state, id, onDone }: JobActionsProps) {
  const given = { order: { service, queue, id }, about: id, onDone };
  return (
    <span class="buttons">
      {state === 'dead' && <ActButton action="queue.redrive" label="Redrive" {...given} />}
      {state === 'delayed' && <ActButton action="queue.promote" label="Start now" {...given} />}
      {['waiting', 'active', 'delayed'].includes(state) && (
        <ActButton
          action="queue.cancel"
          label="Cancel"
          question="The job ends and is not tried again. Its handler hears of it, where it runs."
          {...given}
        />
      )}
      {state !== 'active' && (
        <ActButton
          action="queue.remove"
          label="Remove"
          question="Nothing is left of the job: it cannot be brought back."
          {...given}
        />
      )}
    </span>
  );
}
