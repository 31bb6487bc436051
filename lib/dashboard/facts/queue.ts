import type { JobCounts, JobView } from '../../queue/producer/job-view.js';
import type { QueueRef } from '../../queue/producer/queue-service.js';
import type { Reading } from '../collect/collector.js';
import type { Place } from './place.js';

/** Jobs that run, with their progress; more of them are in the list. */
const RUNNING_SHOWN = 20;
/** Of `counts` and `list`, at most. */
const COMMANDS = 5;

/** How a queue is at the moment. */
export interface SeenQueue {
  readonly counts: JobCounts;
  readonly running: readonly Omit<JobView, 'data' | 'result'>[];
}

export async function readQueue(
  { instance: { queues } }: Place,
  ref: QueueRef,
): Promise<Reading & { readonly value: SeenQueue }> {
  const [counts, running] = await Promise.all([
    queues.counts(ref),
    queues.list('active', { ...ref, limit: RUNNING_SHOWN }),
  ]);
  const value = { counts, running: running.map(({ data: _data, result: _result, ...job }) => job) };
  return { value, commands: COMMANDS };
}
