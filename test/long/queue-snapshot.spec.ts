import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';

import type { RunningRedis } from '../../tools/redis.mjs';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { QueueService } from '../../lib/index.js';
import { startCaller } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { WorkerFleet } from '../chaos/worker.fleet.js';

const ROUNDS = 8;
/** How old the snapshot is that Redis comes back with. */
const AGE_MS = 2_000;
const WAIT = { timeoutMs: 60_000 };
const DAYS_MS = 86_400_000;

let redis: RunningRedis;
let app: INestApplicationContext;
let queue: QueueService;
let fleet: WorkerFleet;

beforeEach(async () => {
  redis = await startPrivateRedis();
  const service = uniqueService('snapshot');
  ({ app } = await startCaller({ service, redis: redis.url }, []));
  queue = app.get(QueueService);
  fleet = new WorkerFleet({ SERVICE: service, REDIS: redis.url, CONCURRENCY: '5' });
}, 60_000);

afterEach(async () => {
  for (const worker of fleet.workers) await worker.kill();
  await app.close();
}, 60_000);

const commands = () => app.get(HydraInstance).redis.commands;

const isQuiet = async () => {
  const { waiting, active, delayed } = await queue.counts();
  return waiting + active + delayed === 0;
};

describe('a Redis that is killed and comes back with a snapshot of two seconds ago', () => {
  it(`loses no job that the snapshot holds, and no run acknowledges another job, in ${ROUNDS} rounds`, async () => {
    await fleet.addMany(2);
    for (let round = 0; round < ROUNDS; round++) {
      const jobs = (count: number, ms: number) =>
        queue.addBulk(Array.from({ length: count }, () => ({ pattern: 'work', data: { ms } })));
      const long = await jobs(6, 3_500);
      const before = await jobs(200, 100);
      await eventually(() => long.every(({ id }) => fleet.starts(id).length > 0), {
        what: 'the long ones',
        ...WAIT,
      });
      const doneBefore = new Set(fleet.said('done'));
      await commands().save();
      const startedBy = performance.now();
      // Jobs that no snapshot holds: what becomes of them is nobody's to say, but they must end no other.
      await jobs(50, 50);
      await sleep(AGE_MS - (performance.now() - startedBy));
      await redis.kill9();
      await redis.restart();
      await eventually(isQuiet, { what: `round ${round}: every job that Redis has`, everyMs: 100, ...WAIT });
      const kept = [...long, ...before].filter(({ id }) => !doneBefore.has(id));
      const done = new Set(await fleet.doneWith(kept.map(({ id }) => id)));
      const lost = kept.filter(({ id }) => !done.has(id));
      expect([round, lost]).toEqual([round, []]);
      expect([round, await queue.deadLetters()]).toEqual([round, []]);
      // Each of them has an outcome of its own: none was acknowledged in the name of another.
      const states = await Promise.all(long.map(({ id }) => queue.get(id)));
      expect([round, states.map((view) => view?.state)]).toEqual([round, long.map(() => 'completed')]);
      expect([round, states.map((view) => view?.result)]).toEqual([round, long.map(({ id }) => id)]);
    }
    const fences = fleet.ledger.flatMap(({ line }) => (line['started'] === undefined ? [] : [line['fence']]));
    expect(new Set(fences).size).toBe(fences.length);
    console.log(`${ROUNDS} rounds, ${fences.length} starts: no fence twice, no job of a snapshot lost`);
  }, 300_000);
});

describe('a worker whose clock is fifteen days ahead', () => {
  it('does the same as the others, and forgets nothing before its time', async () => {
    await fleet.addMany(1);
    await fleet.addMany(1, { CLOCK_SHIFT_MS: String(15 * DAYS_MS) });
    const good = await queue.addBulk(
      Array.from({ length: 60 }, () => ({ pattern: 'work', data: { ms: 50 } })),
    );
    const bad = await queue.addBulk(Array.from({ length: 6 }, () => ({ pattern: 'throw', data: {} })));
    const later = await queue.add('work', { ms: 0 }, { delayMs: 60_000, id: 'later' });
    await eventually(async () => (await queue.counts()).dead === bad.length, {
      what: 'the dead letters',
      ...WAIT,
    });
    await eventually(async () => (await queue.counts()).completed === good.length, {
      what: 'the others',
      ...WAIT,
    });
    expect(new Set(fleet.ledger.map(({ pid }) => pid)).size).toBe(2);
    // Upkeep comes every ten seconds, in each of them.
    await sleep(12_000);
    expect(await queue.counts()).toMatchObject({ dead: bad.length, completed: good.length, delayed: 1 });
    const died = (await queue.deadLetters()).map(({ diedAt }) => Math.abs(diedAt!.getTime() - Date.now()));
    expect(Math.max(...died)).toBeLessThan(DAYS_MS);
    expect(fleet.starts(later.id)).toEqual([]);
    expect((await queue.add('work', { ms: 0 }, { id: 'later' })).isNew).toBe(false);
  }, 120_000);
});
