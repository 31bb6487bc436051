import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';

import { QueueService } from '../../lib/index.js';
import { startCaller } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { WorkerFleet } from './worker.fleet.js';

const isFull = process.env['HYDRA_CHAOS'] === 'full';
const JOBS = isFull ? 10_000 : 1_200;
const WORKERS = isFull ? 8 : 4;
const KILLS = isFull ? 200 : 12;
/** One is killed only where so many live: else a slow machine, which starts none for all the starting, kills them all. */
const LEAST_ALIVE = isFull ? WORKERS - 1 : 2;
const CONCURRENCY = 8;
/** Jobs that are cancelled after each kill, wherever they are. */
const CANCELS = isFull ? 2 : 4;
/** Jobs that are watched from the beginning to their end. */
const WATCHED = 50;
const TIME_MS = isFull ? 900_000 : 180_000;

let app: INestApplicationContext;
let queue: QueueService;
let fleet: WorkerFleet;
let service: string;

beforeEach(async () => {
  const redis = await startPrivateRedis();
  service = uniqueService('kill');
  ({ app } = await startCaller({ service, redis: redis.url }, []));
  queue = app.get(QueueService);
  fleet = new WorkerFleet({ SERVICE: service, REDIS: redis.url, CONCURRENCY: String(CONCURRENCY) });
}, 60_000);

afterEach(() => app.close());

function countsOf(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

describe('workers that are killed at random', () => {
  it(
    'lose no job, and run twice only what they were running',
    async () => {
      await fleet.addMany(WORKERS);
      const added = await queue.addBulk(
        Array.from({ length: JOBS }, () => ({
          pattern: 'stepwise',
          data: { ms: 100 + Math.round(Math.random() * (isFull ? 1_300 : 200)) },
        })),
      );
      const replacements: Promise<unknown>[] = [];
      const ends = new Map<string, string>();
      const watched = added.filter((_, n) => n % Math.ceil(JOBS / WATCHED) === 0);
      for (const { id } of watched) {
        let last = 'nothing';
        queue
          .watch(id)
          .subscribe({ next: ({ state }) => (last = state), complete: () => ends.set(id, last) });
      }
      const cancelled = new Set<string>();
      for (let kills = 0; kills < KILLS; kills++) {
        await sleep(Math.random() * 500);
        const enough = () => fleet.workers.size >= LEAST_ALIVE;
        await eventually(enough, { what: `${LEAST_ALIVE} workers`, timeoutMs: 60_000 });
        const alive = [...fleet.workers];
        await fleet.kill(alive[Math.floor(Math.random() * alive.length)]!);
        replacements.push(fleet.add());
        for (let n = 0; n < CANCELS; n++) {
          const { id } = added[Math.floor(Math.random() * added.length)]!;
          if ((await queue.cancel(id)) === 'cancelled') cancelled.add(id);
        }
      }
      const { waiting: left } = await queue.counts();
      await Promise.all(replacements);
      const isDone = async () => {
        const { waiting, active, delayed } = await queue.counts();
        return waiting + active + delayed === 0;
      };
      await eventually(isDone, { what: 'every job', timeoutMs: TIME_MS, everyMs: 100 });

      const kept = added.filter(({ id }) => !cancelled.has(id)).map(({ id }) => id);
      const runs = countsOf(await fleet.doneWith(kept));
      const lost = added.filter(({ id }) => !runs.has(id) && !cancelled.has(id));
      const twice = [...runs.values()].filter((count) => count > 1).length;
      for (const id of cancelled) expect((await queue.get(id))?.state).toBe('cancelled');
      const redelivery = fleet.redeliveryMs().toSorted((a, b) => a - b);
      const p99 = redelivery[Math.floor(redelivery.length * 0.99)] ?? 0;
      console.log(
        `${JOBS} jobs, ${WORKERS} workers, ${KILLS} kills: ${cancelled.size} cancelled, ${lost.length} lost, ${twice} ran twice, ` +
          `${redelivery.length} interrupted, ${left} not begun at the last kill; redelivery p99 ${Math.round(p99)} ms`,
      );
      // A step runs again only where its worker was killed before Redis had its result.
      const steps = countsOf(fleet.said('stepped'));
      const again = [...steps.values()].filter((count) => count > 1).length;
      console.log(`${steps.size} steps, ${again} ran to their end twice; ${watched.length} jobs watched`);
      expect(again).toBeLessThanOrEqual(KILLS);
      const told = () => watched.every(({ id }) => ends.has(id));
      await eventually(told, { what: 'the end of all that are watched', timeoutMs: 60_000 });
      for (const { id } of watched) expect(ends.get(id)).toBe(cancelled.has(id) ? 'cancelled' : 'completed');
      expect(lost).toEqual([]);
      expect(await queue.deadLetters()).toEqual([]);
      // A kill interrupts no more than what runs at once; a job may also be done and not yet acknowledged.
      expect(twice).toBeLessThanOrEqual(KILLS * CONCURRENCY);
      expect(redelivery.length).toBeGreaterThan(0);
      expect(p99).toBeLessThan(isFull ? 5_000 : 15_000);
    },
    TIME_MS,
  );
});
