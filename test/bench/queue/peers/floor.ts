import { Redis } from '../../support/ioredis.js';
import type { JobData, Peer, Producer } from '../peer.js';

type Client = InstanceType<typeof Redis>;

/** How the least that a queue can be takes jobs and acknowledges them: until told to stop. */
export type Loop = (
  redis: Client,
  lists: Lists,
  handle: (data: JobData) => void,
  isRunning: () => boolean,
) => Promise<void>;

export interface Lists {
  readonly waiting: string;
  readonly active: string;
  readonly leases: string;
}

/** A list and a script or two: no envelope, no retries, no recovery, no schedule. */
export function floor(
  name: string,
  add: (redis: Client, list: string) => Producer['add'],
  loop: Loop,
  loops: (concurrency: number) => number,
): Peer {
  const lists = {
    waiting: `bench:${name}:waiting`,
    active: `bench:${name}:active`,
    leases: `bench:${name}:leases`,
  };
  return {
    async produce(redisUrl) {
      const redis = new Redis(redisUrl);
      return {
        add: add(redis, lists.waiting),
        addBulk: (jobs) => redis.lpush(lists.waiting, ...jobs.map((data) => JSON.stringify(data))),
        waiting: () => redis.llen(lists.waiting),
      };
    },
    async consume(redisUrl, concurrency, handle) {
      const redis = new Redis(redisUrl);
      let isRunning = false;
      return {
        async resume() {
          isRunning = true;
          for (let n = 0; n < loops(concurrency); n++) void loop(redis, lists, handle, () => isRunning);
        },
        async pause() {
          isRunning = false;
        },
      };
    },
  };
}
