import { setTimeout as sleep } from 'node:timers/promises';

import type { JobData } from '../peer.js';
import { floor } from './floor.js';

/** A command a job: LPUSH; RPOPLPUSH and LREM. */
export const peer = floor(
  'singly',
  (redis, list) => (data) => redis.lpush(list, JSON.stringify(data)),
  async (redis, { waiting, active }, handle, isRunning) => {
    while (isRunning()) {
      const job = await redis.rpoplpush(waiting, active);
      if (job === null) await sleep(1);
      else {
        handle(JSON.parse(job) as JobData);
        await redis.lrem(active, -1, job);
      }
    }
  },
  (concurrency) => concurrency,
);
