import { jobAdded, jobAdding } from './channels.js';
import { publishEnd, type Stopwatch } from './ending.js';
import type { JobAddedDiagnostic } from './events.js';

/** Tells observers that a job is about to be encoded; undefined where there are none. */
export function adding(
  job: Pick<JobAddedDiagnostic, 'instanceId' | 'service' | 'queue' | 'pattern' | 'id' | 'data'>,
  headers: Readonly<Record<string, string>> | undefined,
): JobAddedDiagnostic | undefined {
  if (!jobAdding.hasSubscribers && !jobAdded.hasSubscribers) return undefined;
  const event: JobAddedDiagnostic = {
    ...job,
    headers: { ...headers },
    durationMs: undefined,
    error: undefined,
  };
  jobAdding.publish(event);
  return event;
}

/** Adds it, and tells observers how that ended. */
export async function added<T>(
  event: JobAddedDiagnostic | undefined,
  clock: Stopwatch,
  add: () => Promise<T>,
): Promise<T> {
  if (!event) return add();
  const startedAt = clock.monotonic();
  try {
    const result = await add();
    publishEnd(jobAdded, event, clock.monotonic() - startedAt);
    return result;
  } catch (error) {
    publishEnd(jobAdded, event, clock.monotonic() - startedAt, error);
    throw error;
  }
}
