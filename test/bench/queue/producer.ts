import { setTimeout as sleep } from 'node:timers/promises';

import { answerCommands } from '../support/commands.js';
import { runLoad, type Load } from '../support/load.js';
import { jobData, now, ownPeer } from './peer.js';

const BULK = 500;

const { peer, redisUrl } = await ownPeer();
const producer = await peer.produce(redisUrl);

/** Adds at a rate, whatever becomes of the jobs; several at once where the timer is too coarse. */
async function addAtRate({ count, perS }: { count: number; perS: number }): Promise<void> {
  const startedAt = now();
  const adding: Promise<unknown>[] = [];
  for (let added = 0; added < count;) {
    const due = Math.min(count, Math.ceil(((now() - startedAt) / 1_000) * perS));
    for (; added < due; added++) adding.push(producer.add(jobData(added + 1)));
    await sleep(1);
  }
  await Promise.all(adding);
}

/** Adds the ids from 1 on, in bulk. */
async function fill({ count }: { count: number }): Promise<void> {
  for (let start = 0; start < count; start += BULK) {
    const length = Math.min(BULK, count - start);
    await producer.addBulk(Array.from({ length }, (_, n) => jobData(start + n + 1)));
  }
}

answerCommands({
  load: (load: Load) =>
    runLoad(load, async (id) => {
      await producer.add(jobData(id));
      return id;
    }),
  bulkLoad: (load: Load) =>
    runLoad(load, async (id) => {
      await producer.addBulk(Array.from({ length: BULK }, (_, n) => jobData(id * BULK + n)));
      return id;
    }),
  fill,
  addAtRate,
  waiting: () => producer.waiting(),
});
