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
/** Of `counts`, `rates`, `list` and `progressTexts`, at most. */
const COMMANDS = 8;

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
  const texts = await queues.progressTexts(
    running.map(({ id }) => id),
    ref,
  );
  return { value: { counts, rates, running: running.map((job, index) => runningJob(job, texts[index])) } };
}

function runningJob({ id, pattern, attempts }: JobView, text: string | null | undefined): RunningJob {
  const progress = typeof text === 'string' ? oneLine(storedText(text), MAX_PROGRESS) : undefined;
  return { id, pattern, attempts, ...(progress !== undefined && { progress }) };
}
