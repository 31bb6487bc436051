import { failureGroup } from '../../queue/failures/failure-group.js';
import type { DeadJobFilter, JobFilter } from '../../queue/producer/job-filter.js';
import type { QueueRef, QueueService } from '../../queue/producer/queue-service.js';
import { Refusal } from '../http/refusal.js';
import type { Order } from './order.js';

/**
 * Which dead letters are meant: without any of these, all. `like` is the id of one of those that failed for the same reason.
 *
 * @throws Refusal for anything else than a filter, and for a member that no filter has: it would mean more jobs than was said
 */
export async function deadFilter(
  order: Order,
  queues: QueueService,
  ref: Required<QueueRef>,
): Promise<DeadJobFilter> {
  const own = order.inside('filter');
  const filter = jobFilter(own);
  const [reason, like] = [own.maybe('reason'), own.maybe('like')];
  if (own !== order) own.refuseUnknown();
  const group = like === undefined ? reason : await reasonOf(like, queues, ref);
  return { ...filter, ...(group !== undefined && { reason: group }) };
}

/** Which jobs are meant: without any of these, all. @throws Refusal for what is no filter */
export function jobFilter(own: Order): JobFilter {
  const [pattern, text] = [own.maybe('pattern'), own.maybe('text')];
  const [since, until] = [own.date('since'), own.date('until')];
  return {
    ...(pattern !== undefined && { pattern }),
    ...(text !== undefined && { text }),
    ...(since && { since }),
    ...(until && { until }),
  };
}

/** The page does not know the reason as it is stored: there may be secrets in it. */
async function reasonOf(id: string, queues: QueueService, ref: Required<QueueRef>): Promise<string> {
  const job = await queues.get(id, ref);
  if (job?.state === 'dead' && job.error !== undefined) return failureGroup(job.error);
  throw new Refusal(409, `"${id}" is no dead letter any more: read again`);
}
