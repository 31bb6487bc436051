import type { Schedule } from '../../lib/queue/model/schedule.js';
import { useAsked } from '../live/ask.js';
import { ActButton } from '../parts/act-button.js';
import { Ago, Nothing, Problem } from '../parts/shown.js';
import { Table } from '../parts/table.js';
import { count, duration } from '../parts/words.js';

type Listed = Omit<Schedule, 'data'>;

/** The repeating jobs of a queue, and when they come next. */
export function ScheduleList({ service, queue }: { readonly service: string; readonly queue: string }) {
  const { value, error, again } = useAsked<readonly Listed[]>('schedules', { service, queue });
  if (!value) return error === undefined ? <Nothing>Reading…</Nothing> : <Problem text={error} />;
  if (value.length === 0) return <Nothing>No job is added again and again.</Nothing>;
  return (
    <>
      <Problem text={error} />
      <Table
        label="Repeating jobs"
        rows={value}
        keyOf={({ name }) => name}
        columns={[
          { name: 'Name', cell: ({ name }) => name },
          { name: 'Pattern', cell: ({ pattern }) => pattern },
          {
            name: 'When',
            cell: ({ cron, everyMs, timeZone }) =>
              cron ? `${cron} (${timeZone})` : `every ${duration(everyMs)}`,
          },
          { name: 'Next', cell: ({ nextAt }) => (nextAt ? <Ago at={nextAt} /> : 'never again') },
          { name: 'And then', cell: ({ ticks }) => <Ticks ticks={ticks.slice(1)} /> },
          { name: 'Added', cell: ({ added }) => count(added), isNumber: true },
          {
            name: 'Actions',
            cell: ({ name }) => (
              <ActButton
                action="queue.stop-repeating"
                order={{ service, queue, name }}
                label="End"
                about={name}
                question="It adds no more jobs. A service that sets it when it starts sets it again."
                onDone={again}
              />
            ),
          },
        ]}
      />
    </>
  );
}

/** In UTC, which is what is exact: the browser may be in another zone than the rule. */
function Ticks({ ticks }: { readonly ticks: Listed['ticks'] }) {
  if (ticks.length === 0) return <>none</>;
  return (
    <ul class="plain">
      {ticks.map((at) => (
        <li key={String(at)}>
          <time dateTime={String(at)}>{moment(String(at))}</time>
        </li>
      ))}
    </ul>
  );
}

function moment(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}
