import { fileURLToPath } from 'node:url';

import type { RedisLocation } from '../../lib/index.js';
import type { Outcome } from './call-load.js';
import { startChild, type Child } from './child.js';
import { eventually } from './eventually.js';
import { environmentFor } from './process-redis.js';

const PROGRAM = fileURLToPath(new URL('./work-process.ts', import.meta.url));

export interface Worker extends Child {
  /** Its instance id; '' until it is ready. */
  readonly id: string;
  /** The ids of the calls it ran, in their order. */
  ran(): readonly number[];
}

/** One instance of a service as a process (work-process.ts), which need not be ready yet. */
export function launchWorker(service: string, redis: RedisLocation): Worker {
  const child = startChild(PROGRAM, { env: { SERVICE: service, ...environmentFor(redis) } });
  const ran: number[] = [];
  let id = '';
  child.onLine((line) => {
    if (typeof line['ran'] === 'number') ran.push(line['ran']);
    if (typeof line['instance'] === 'string') id = line['instance'];
  });
  return Object.defineProperty({ ...child, ran: () => ran } as unknown as Worker, 'id', { get: () => id });
}

export async function startWorkers(service: string, redis: RedisLocation, count: number): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () => launchWorker(service, redis));
  await Promise.all(workers.map(({ ready }) => ready));
  return workers;
}

/**
 * The ids of the calls that ran, in their order, once each call that was answered is among them: what processes print comes
 * later than their answers.
 */
export async function allThatRan(
  workers: readonly Worker[],
  outcomes: readonly Outcome[],
): Promise<readonly number[]> {
  const answered = outcomes.filter(({ done }) => done).map(({ id }) => id);
  const ran = () => workers.flatMap((worker) => worker.ran());
  const isWhole = () => {
    const ids = new Set(ran());
    return answered.every((id) => ids.has(id));
  };
  await eventually(isWhole, { what: 'the processes to say what they ran', timeoutMs: 20_000 });
  return ran().toSorted((a, b) => a - b);
}
