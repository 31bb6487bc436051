import { fileURLToPath } from 'node:url';

import { startChild, type Child } from './child.js';

const PROGRAM = fileURLToPath(new URL('./work-process.ts', import.meta.url));

export interface Worker extends Child {
  /** Its instance id; '' until it is ready. */
  readonly id: string;
  /** The ids of the calls it ran, in their order. */
  ran(): readonly number[];
}

/** One instance of a service as a process (work-process.ts), which need not be ready yet. */
export function launchWorker(service: string, redisUrl: string): Worker {
  const child = startChild(PROGRAM, { env: { SERVICE: service, HYDRA_REDIS_URL: redisUrl } });
  const ran: number[] = [];
  let id = '';
  child.onLine((line) => {
    if (typeof line['ran'] === 'number') ran.push(line['ran']);
    if (typeof line['instance'] === 'string') id = line['instance'];
  });
  return Object.defineProperty({ ...child, ran: () => ran } as unknown as Worker, 'id', { get: () => id });
}

export async function startWorkers(service: string, redisUrl: string, count: number): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () => launchWorker(service, redisUrl));
  await Promise.all(workers.map(({ ready }) => ready));
  return workers;
}
