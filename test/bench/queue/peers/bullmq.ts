import { createRequire } from 'node:module';

import type { JobData, Peer } from '../peer.js';

/** As much of BullMQ as is used here: it is installed with the benchmarks only, so its own types are not there for all. */
interface BullMq {
  readonly Queue: new (name: string, options: object) => BullQueue;
  readonly Worker: new (
    name: string,
    handle: (job: { data: JobData }) => Promise<unknown>,
    options: object,
  ) => BullWorker;
}

interface BullQueue {
  waitUntilReady(): Promise<unknown>;
  add(name: string, data: JobData): Promise<unknown>;
  addBulk(jobs: { name: string; data: JobData }[]): Promise<unknown>;
  getWaitingCount(): Promise<number>;
}

interface BullWorker {
  waitUntilReady(): Promise<unknown>;
  pause(): Promise<void>;
  resume(): void;
}

const { Queue, Worker } = createRequire(import.meta.url)('bullmq') as BullMq;

const NAME = 'bench-jobs';
const connectionOf = (redisUrl: string) => ({ url: redisUrl, maxRetriesPerRequest: null });

/** Its defaults, but for what it keeps: the last thousand completed jobs, as ours does. */
const defaultJobOptions = { removeOnComplete: { count: 1_000 }, attempts: 3 };

export const peer: Peer = {
  async produce(redisUrl) {
    const queue = new Queue(NAME, { connection: connectionOf(redisUrl), defaultJobOptions });
    await queue.waitUntilReady();
    return {
      add: (data) => queue.add('work', data),
      addBulk: (jobs) => queue.addBulk(jobs.map((data) => ({ name: 'work', data }))),
      waiting: () => queue.getWaitingCount(),
    };
  },
  async consume(redisUrl, concurrency, handle) {
    const worker = new Worker(NAME, async ({ data }) => handle(data), {
      connection: connectionOf(redisUrl),
      concurrency,
      autorun: true,
    });
    await worker.waitUntilReady();
    await worker.pause();
    return { resume: async () => worker.resume(), pause: () => worker.pause() };
  },
};
