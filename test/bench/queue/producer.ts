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

let ids: string[] = [];
let next = 0;

/** Each operation takes the next job that waits, from anywhere in the line. */
const nextId = () => ids[(next++ * 7_919) % ids.length]!;

async function mustBe(found: Promise<boolean>, id: number): Promise<number> {
  if (await found) return id;
  throw new Error('a job that waits was not found');
}

const daily = producer.daily;

answerCommands({
  priorityLoad: (load: Load) =>
    runLoad(load, async (id) => {
      await daily!.addWithPriority(jobData(id));
      return id;
    }),
  delayedLoad: (load: Load) =>
    runLoad(load, async (id) => {
      await daily!.addDelayed(jobData(id));
      return id;
    }),
  async fillKnown({ count }: { count: number }) {
    [ids, next] = [[], 0];
    for (let start = 0; start < count; start += BULK) {
      const adding = Array.from({ length: BULK }, (_, n) => daily!.addPlain(jobData(start + n + 1)));
      ids.push(...(await Promise.all(adding)));
    }
  },
  getLoad: (load: Load) => runLoad(load, (id) => mustBe(daily!.get(nextId()), id)),
  /** Removes so many, and says how long that took. */
  async removeKnown({ count, concurrency }: { count: number; concurrency: number }) {
    const startedAt = performance.now();
    const due = Array.from({ length: count }, nextId).values();
    const remove = async () => {
      for (const id of due) await mustBe(daily!.remove(id), 0);
    };
    await Promise.all(Array.from({ length: concurrency }, remove));
    return performance.now() - startedAt;
  },
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
