import { createRequire } from 'node:module';

import type { JobData, Peer } from '../peer.js';

/** As much of BullMQ as is used here: it is installed with the benchmarks only, so its own types are not there for all. */
interface BullMq {
  readonly Queue: new (name: string, options: object) => BullQueue;
  readonly QueueEvents: new (
    name: string,
    options: object,
  ) => {
    waitUntilReady(): Promise<unknown>;
    on(event: string, heard: () => void): void;
  };
  readonly Worker: new (
    name: string,
    handle: (job: { data: JobData }) => Promise<unknown>,
    options: object,
  ) => BullWorker;
}

interface BullQueue {
  waitUntilReady(): Promise<unknown>;
  add(name: string, data: JobData, options?: object): Promise<{ id?: string }>;
  addBulk(jobs: { name: string; data: JobData }[]): Promise<unknown>;
  getWaitingCount(): Promise<number>;
  getJob(id: string): Promise<object | undefined>;
  remove(id: string): Promise<number>;
}

interface BullWorker {
  waitUntilReady(): Promise<unknown>;
  pause(): Promise<void>;
  resume(): void;
}

const { Queue, QueueEvents, Worker } = createRequire(import.meta.url)('bullmq') as BullMq;

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
      daily: {
        addPlain: async (data) => (await queue.add('work', data)).id!,
        addWithPriority: (data) => queue.add('work', data, { priority: (data.id % 3) + 1 }),
        addDelayed: (data) => queue.add('work', data, { delay: 60_000 }),
        get: async (id) => (await queue.getJob(id)) !== undefined,
        remove: async (id) => (await queue.remove(id)) === 1,
      },
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
  async listen(redisUrl, heard) {
    const events = new QueueEvents(NAME, { connection: connectionOf(redisUrl) });
    events.on('completed', heard);
    await events.waitUntilReady();
  },
  async idle(redisUrl, queues, rest) {
    for (let n = 0; n < queues; n++) {
      const name = `idle-${n}`;
      const worker = new Worker(name, async () => undefined, { connection: connectionOf(redisUrl) });
      await worker.waitUntilReady();
      if (rest === 'nothing') continue;
      const queue = new Queue(name, { connection: connectionOf(redisUrl), defaultJobOptions });
      await queue.add('work', { id: n, at: 0, text: '' }, { delay: 3_600_000 });
    }
  },
};
