import { jobDead } from '../../diagnostics/channels.js';
import type { HeldJob } from './held-job.js';
import type { WorkerContext } from './worker-link.js';

/** Counts a job that is given up, and tells observers. */
export function jobDied(
  { id: instanceId, options, metrics }: Pick<WorkerContext, 'id' | 'options' | 'metrics'>,
  { id, queue, pattern, headers }: Pick<HeldJob, 'id' | 'queue' | 'pattern' | 'headers'>,
  { reason, attempts }: { readonly reason: string; readonly attempts: number },
): void {
  const help = 'Jobs that this process gave up.';
  metrics?.count('hydra_job_dead_total', help, { queue, pattern });
  if (!jobDead.hasSubscribers) return;
  const { service } = options;
  jobDead.publish({ instanceId, service, queue, pattern, id, headers, attempts, reason });
}
