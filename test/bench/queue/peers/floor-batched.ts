import { setTimeout as sleep } from 'node:timers/promises';

import type { JobData } from '../peer.js';
import { floor } from './floor.js';

const MOST = 50;

const TAKE = `
local jobs = redis.call('RPOP', KEYS[1], ARGV[1])
if not jobs then return {} end
redis.call('LPUSH', KEYS[2], unpack(jobs))
local leases = {}
for _, job in ipairs(jobs) do
  leases[#leases + 1] = job
  leases[#leases + 1] = ARGV[2]
end
redis.call('HSET', KEYS[3], unpack(leases))
return jobs
`;

const ACKNOWLEDGE = `
for _, job in ipairs(ARGV) do redis.call('LREM', KEYS[1], -1, job) end
return redis.call('HDEL', KEYS[2], unpack(ARGV))
`;

/** What is added in one turn of the event loop is one LPUSH; a script takes fifty and records who has them. */
export const peer = floor(
  'batched',
  (redis, list) => {
    let waiting: string[] = [];
    let leaving: Promise<unknown> | undefined;
    return (data) => {
      waiting.push(JSON.stringify(data));
      leaving ??= new Promise((resolve) => setImmediate(resolve)).then(() => {
        const jobs = waiting;
        [waiting, leaving] = [[], undefined];
        return redis.lpush(list, ...jobs);
      });
      return leaving;
    };
  },
  async (redis, { waiting, active, leases }, handle, isRunning) => {
    while (isRunning()) {
      const jobs = (await redis.eval(TAKE, 3, waiting, active, leases, MOST, 'me')) as string[];
      if (jobs.length === 0) await sleep(1);
      else {
        for (const job of jobs) handle(JSON.parse(job) as JobData);
        await redis.eval(ACKNOWLEDGE, 2, active, leases, ...jobs);
      }
    }
  },
  // So many batches at once as make up the concurrency.
  (concurrency) => Math.ceil(concurrency / MOST),
);
