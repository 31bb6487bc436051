import type { SeenQueue } from '../../lib/dashboard/facts/queue.js';
import type { Topology } from '../../lib/registry/topology/topology.js';
import { useHistory } from '../live/history.js';
import { topic, useTopic } from '../live/topics.js';
import { ActButton } from '../parts/act-button.js';
import { DepthChart } from '../parts/depth-chart.js';
import { Ago, Badge, Facts, Nothing, Problem } from '../parts/shown.js';
import { count, counted } from '../parts/words.js';
import { href } from '../route.js';
import { FailureGroups } from './failure-groups.js';
import { JobList } from './job-list.js';
import { ScheduleList } from './schedule-list.js';

interface QueueProps {
  readonly service: string;
  readonly queue: string;
  readonly query: Readonly<Record<string, string>>;
}

const VIEWS = ['waiting', 'active', 'delayed', 'completed', 'dead', 'failures', 'schedules'] as const;

/** One queue: how deep it is, and what is in it. */
export function QueuePage({ service, queue, query }: QueueProps) {
  const { value, problem, at } = useTopic<SeenQueue>(topic('queue', service, queue));
  const history = useHistory(value?.counts, at);
  const ended = useHistory(value?.rates, at);
  const topology = useTopic<Topology>(topic('topology'));
  const rates = useHistory(topology.value && ratesOf(topology.value, service), topology.at);
  const { view = 'waiting' } = query;
  return (
    <>
      <h2>
        {service} / {queue}
      </h2>
      <Problem text={problem} />
      {value ? <Depth {...value} service={service} queue={queue} /> : <Nothing>Reading…</Nothing>}
      {history.length > 1 && (
        <DepthChart
          label="Depth over time"
          times={history.map(([when]) => when / 1_000)}
          lines={[
            { label: 'waiting', colour: 'accent', values: history.map(([, { waiting }]) => waiting) },
            { label: 'running', colour: 'good', values: history.map(([, { active }]) => active) },
            { label: 'dead', colour: 'bad', values: history.map(([, { dead }]) => dead) },
          ]}
        />
      )}
      {ended.length > 1 && (
        <DepthChart
          label="Jobs that end in a second"
          times={ended.map(([when]) => when / 1_000)}
          lines={[
            {
              label: 'completed in a second',
              colour: 'good',
              values: ended.map(([, one]) => one.completedPerS),
            },
            {
              label: 'dead or cancelled in a second',
              colour: 'bad',
              values: ended.map(([, one]) => one.failedPerS),
            },
          ]}
        />
      )}
      {rates.length > 1 && (
        <>
          <p class="quiet">Jobs that come to all queues of {service} in a second:</p>
          <DepthChart
            label="Jobs in a second"
            times={rates.map(([when]) => when / 1_000)}
            lines={[{ label: 'in a second', colour: 'accent', values: rates.map(([, rate]) => rate) }]}
          />
        </>
      )}
      <nav class="views" aria-label="What of the queue">
        {VIEWS.map((name) => (
          <a
            key={name}
            href={href('queues', [service, queue], { view: name })}
            aria-current={name === view ? 'page' : undefined}
          >
            {name === 'active' ? 'running' : name}
          </a>
        ))}
      </nav>
      {view === 'failures' ? (
        <FailureGroups service={service} queue={queue} />
      ) : view === 'schedules' ? (
        <ScheduleList service={service} queue={queue} />
      ) : (
        <JobList key={view} service={service} queue={queue} state={view} query={query} />
      )}
    </>
  );
}

/** How many jobs come to a service in a second: instances count them by pattern, and not by queue. */
function ratesOf({ edges }: Topology, service: string): number {
  const jobs = edges.filter(({ kind, to }) => kind === 'job' && to === service);
  return jobs.reduce((sum, { ratePerS }) => sum + ratePerS, 0);
}

function Depth({
  counts,
  rates,
  running,
  service,
  queue,
}: SeenQueue & { readonly service: string; readonly queue: string }) {
  const { waiting, active, delayed, dead, completed, workers, isPaused, oldestWaitingAt, unhandled } = counts;
  const aside = Object.entries(unhandled);
  const ref = { service, queue };
  return (
    <>
      <Facts
        facts={[
          ['Waiting', count(waiting)],
          ['Oldest waiting', oldestWaitingAt === undefined ? 'none' : <Ago at={oldestWaitingAt} />],
          ['Running', count(active)],
          ['Delayed', count(delayed)],
          ['Completed, kept', count(completed)],
          ['Dead letters', count(dead)],
          ['Completed in a second', count(rates.completedPerS)],
          ['Dead or cancelled in a second', count(rates.failedPerS)],
          ['Workers', count(workers)],
        ]}
      />
      {aside.length > 0 && (
        <p class="problem">
          No worker has a handler for:{' '}
          {aside.map(([pattern, jobs]) => `${pattern} (${counted(jobs, 'job')})`).join(', ')}
        </p>
      )}
      <p class="buttons">
        {isPaused ? (
          <>
            <Badge tone="warning">paused</Badge>{' '}
            <ActButton action="queue.resume" order={ref} label="Resume" />
          </>
        ) : (
          <ActButton
            action="queue.pause"
            order={ref}
            label="Pause"
            question="No worker takes a job of this queue until it is resumed. Those that run go on."
          />
        )}
      </p>
      {running.some(({ progress }) => progress !== undefined) && (
        <ul>
          {running.map(({ id, pattern, progress }) => (
            <li key={id}>
              <a href={href('queues', [service, queue, id])}>{pattern}</a>: {progress ?? 'running'}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
