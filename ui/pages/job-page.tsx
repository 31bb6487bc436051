import type { JobStory } from '../../lib/dashboard/ask/queue-questions.js';
import { useAsked } from '../live/ask.js';
import { Ago, Badge, Facts, Nothing, Problem, Stored } from '../parts/shown.js';
import { count, millis } from '../parts/words.js';
import { href } from '../route.js';
import { JobActions } from './job-list.js';

interface JobProps {
  readonly service: string;
  readonly queue: string;
  readonly id: string;
}

/** All that is known of one job. */
export function JobPage({ service, queue, id }: JobProps) {
  const { value, error, isWaiting, again } = useAsked<JobStory>('job', { service, queue, id });
  return (
    <>
      <h2>
        Job <code>{id}</code>
      </h2>
      <p class="buttons">
        <a href={href('queues', [service, queue])}>
          {service} / {queue}
        </a>
        <button type="button" disabled={isWaiting} onClick={again}>
          Read again
        </button>
        {value?.job && (
          <JobActions service={service} queue={queue} state={value.job.state} id={id} onDone={again} />
        )}
      </p>
      <Problem text={error} />
      {value ? (
        <Story story={value} />
      ) : (
        <Nothing>{isWaiting ? 'Reading…' : 'Nothing could be read.'}</Nothing>
      )}
    </>
  );
}

function Story({
  story: { job, stored, result, progress, trace, history, log },
}: {
  readonly story: JobStory;
}) {
  if (!job) return <Nothing>There is no such job, or nothing is kept of it any more.</Nothing>;
  const { pattern, state, attempts, enqueuedAt, startedAt, finishedAt, dueAt, tookMs, worker, error } = job;
  return (
    <>
      <Facts
        facts={[
          ['State', <Badge tone={state === 'dead' ? 'error' : 'info'}>{state}</Badge>],
          ['Pattern', pattern],
          ['Attempts', count(attempts)],
          ['Added', <Ago at={enqueuedAt} />],
          ...(dueAt === undefined ? [] : [['Due', <Ago at={dueAt} />] as const]),
          ...(startedAt === undefined ? [] : [['Started', <Ago at={startedAt} />] as const]),
          ...(finishedAt === undefined ? [] : [['Ended', <Ago at={finishedAt} />] as const]),
          ...(tookMs === undefined ? [] : [['Took', millis(tookMs)] as const]),
          [
            'Trace it was added in',
            trace === undefined ? 'not known' : <a href={href('logs', [], { trace })}>{trace}</a>,
          ],
          ...(worker === undefined ? [] : [['Worker', <code>{worker}</code>] as const]),
        ]}
      />
      {error !== undefined && <p class="problem">{error}</p>}
      {history.length > 0 && (
        <>
          <h3>Failed attempts</h3>
          <ol>
            {history.map(({ at, error: text }, index) => (
              <li key={index}>
                <Ago at={new Date(at).toISOString()} />: {text}
              </li>
            ))}
          </ol>
        </>
      )}
      {log.length > 0 && (
        <>
          <h3>Log</h3>
          <ol class="log">
            {log.map(({ at, attempt, text }, index) => (
              <li key={index}>
                <time dateTime={String(at)}>{String(at).slice(11, 23)}</time> attempt {attempt}: {text}
              </li>
            ))}
          </ol>
        </>
      )}
      <TextOf title="Progress" text={progress} />
      <TextOf title="Result" text={result} />
      <TextOf title="As it is stored" text={stored} />
    </>
  );
}

function TextOf({ title, text }: { readonly title: string; readonly text: string | undefined }) {
  if (text === undefined) return null;
  return (
    <>
      <h3>{title}</h3>
      <Stored text={text} label={title} />
    </>
  );
}
