import type { Asked } from '../../doctor/evidence/asked.js';
import type { JobCounts, JobRates, JobView } from '../../queue/producer/job-view.js';
import type { QueueRef } from '../../queue/producer/queue-service.js';
import type { Reading } from '../collect/collector.js';
import { oneLine } from '../../runtime/one-line.js';
import { storedText } from '../shown/stored-text.js';
import type { Place } from './place.js';

/** Jobs that run, with their progress; more of them are in the list. */
const RUNNING_SHOWN = 20;
const MAX_PROGRESS = 200;
/** Of `counts`, `rates` and `list`, at most. */
const COMMANDS = 7;

/** How a queue is at the moment. */
export interface SeenQueue {
  readonly counts: JobCounts;
  readonly rates: JobRates;
  readonly running: readonly RunningJob[];
}

/** A job that runs, without secrets. */
export type RunningJob = Pick<JobView, 'id' | 'pattern' | 'attempts'> & {
  /** In one line. */
  readonly progress?: string;
};

export async function readQueue(
  { instance: { queues } }: Place,
  asked: Asked,
  ref: QueueRef,
): Promise<Reading & { readonly value: SeenQueue }> {
  asked.note(COMMANDS);
  const [counts, rates, running] = await Promise.all([
    queues.counts(ref),
    queues.rates(ref),
    queues.list('active', { ...ref, limit: RUNNING_SHOWN }),
  ]);
  return { value: { counts, rates, running: running.map(runningJob) } };
}

function runningJob({ id, pattern, attempts, progress }: JobView): RunningJob {
  const text = progress === undefined ? undefined : storedText(JSON.stringify(progress));
  return { id, pattern, attempts, ...(text !== undefined && { progress: oneLine(text, MAX_PROGRESS) }) };
}
