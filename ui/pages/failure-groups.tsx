import type { FailureGroup, Failures } from '../../lib/queue/failures/failures.js';
import { useAsked } from '../live/ask.js';
import { BulkButton } from '../parts/bulk-button.js';
import { Ago, Nothing, Problem } from '../parts/shown.js';
import { count, counted } from '../parts/words.js';
import { href } from '../route.js';

interface Ref {
  readonly service: string;
  readonly queue: string;
}

/** Why jobs were given up, the most frequent reason first, and what one does about each. */
export function FailureGroups({ service, queue }: Ref) {
  const { value, error, isWaiting, again } = useAsked<Failures>('failures', { service, queue });
  return (
    <>
      <Problem text={error} />
      <p>
        {value && (
          <>
            {counted(value.looked, 'dead letter')} looked at{value.hasMore && ', the newest; there are more'}
            .{' '}
          </>
        )}
        <button type="button" disabled={isWaiting} onClick={again}>
          Read again
        </button>
      </p>
      {value?.groups.length === 0 && <Nothing>There is no dead letter.</Nothing>}
      {value?.groups.map((group) => (
        <Group key={group.ids[0]} group={group} service={service} queue={queue} />
      ))}
    </>
  );
}

function Group({ group, service, queue }: Ref & { readonly group: FailureGroup }) {
  const { reason, example, count: many, patterns, firstAt, lastAt, ids } = group;
  const order = { service, queue, filter: { like: ids[0] } };
  const what = `all dead letters with ${reason}`;
  return (
    <article class="card">
      <h3>
        {count(many)} × {reason || 'no reason'}
      </h3>
      <p class="quiet">
        {Object.entries(patterns)
          .map(([name, jobs]) => `${name}: ${count(jobs)}`)
          .join(', ')}{' '}
        · first <Ago at={firstAt ?? undefined} />, last <Ago at={lastAt ?? undefined} />
      </p>
      {example !== reason && <pre class="stored">{example}</pre>}
      <p class="ids">
        {ids.map((id) => (
          <a key={id} href={href('queues', [service, queue, id])}>
            {id}
          </a>
        ))}
      </p>
      <p class="buttons">
        <BulkButton action="queue.redrive" order={order} label="Redrive" what={what} />
        <BulkButton action="queue.remove" order={{ ...order, state: 'dead' }} label="Remove" what={what} />
      </p>
    </article>
  );
}
