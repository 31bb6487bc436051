import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';

import type { RunningRedis } from '../../tools/redis.mjs';
import { QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { WorkerFleet } from '../chaos/worker.fleet.js';

/** How long anything may take on a machine that has other things to do. */
const PATIENCE = { timeoutMs: 30_000 };
/** How long a worker keeps its jobs while it is connected, and silent. */
const BLOCKED = { BLOCKED_MS: '4000' };
/** Longer than a worker may be silent. */
const FROZEN_MS = process.env['HYDRA_CHAOS'] === 'full' ? 30_000 : 4_000;

let redis: RunningRedis;
let app: INestApplicationContext;
let queue: QueueService;
let fleet: WorkerFleet;

async function prepare(args: string[] = []): Promise<void> {
  redis = await startPrivateRedis(args);
  const service = uniqueService('fault');
  ({ app } = await startCaller({ service, redis: redis.url }, []));
  queue = app.get(QueueService);
  fleet = new WorkerFleet({ SERVICE: service, REDIS: redis.url });
}

const commands = () => app.get(HydraInstance).redis.commands;

async function untilDone(ids: readonly string[], what: string): Promise<void> {
  const allDone = (): boolean => {
    const done = new Set(fleet.said('done'));
    return ids.every((id) => done.has(id));
  };
  await eventually(allDone, { what, ...PATIENCE });
}

/** A job goes through: the loop turns. */
async function proveConsuming(what: string): Promise<void> {
  const job = await eventually(() => queue.add('work', { ms: 0 }), {
    what: `${what}: a job to be added`,
    ...PATIENCE,
  });
  await untilDone([job.id], `${what}: a job to be handled`);
}

afterEach(async () => {
  for (const worker of fleet.workers) await worker.kill();
  await app.close();
}, 30_000);

describe('a worker', () => {
  it('goes on after its connections were killed, its scripts flushed, and Redis emptied', async () => {
    await prepare();
    await fleet.add();
    await proveConsuming('at first');
    for (const type of ['normal', 'pubsub']) {
      await commands().call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
      await proveConsuming(`after CLIENT KILL TYPE ${type}`);
    }
    await commands().script('FLUSH');
    await proveConsuming('after SCRIPT FLUSH');
    await commands().flushall();
    await proveConsuming('after FLUSHALL');
  }, 60_000);

  it('goes on after Redis was frozen, and nobody takes its job for lost', async () => {
    await prepare();
    await fleet.addMany(2);
    const long = await queue.add('work', { ms: FROZEN_MS + 3_000 });
    await eventually(() => fleet.starts(long.id).length === 1, { what: 'the long job', ...PATIENCE });
    await redis.pause();
    await sleep(FROZEN_MS);
    await redis.resume();
    await proveConsuming('after SIGSTOP of Redis');
    await untilDone([long.id], 'the long job');
    expect(fleet.starts(long.id)).toHaveLength(1);
  }, 90_000);

  it('goes on after its link was cut without a word', async () => {
    await prepare();
    const proxy = await startProxy(redis.url);
    await fleet.add({ REDIS: proxy.url });
    await proveConsuming('at first');
    proxy.freeze();
    await sleep(1_000);
    const job = await queue.add('work', { ms: 0 });
    await sleep(5_000);
    proxy.sever();
    proxy.thaw();
    await untilDone([job.id], 'the job added meanwhile');
  }, 60_000);

  it('loses nothing when Redis with AOF always is killed', async () => {
    const ids = await killRedisUnderLoad('always');
    await untilDone(ids, `all of ${ids.length} accepted jobs`);
    console.log(`AOF always, 2 kills of Redis: 0 of ${ids.length} accepted jobs lost`);
  }, 90_000);

  it('goes on when Redis with AOF everysec is killed, and what that lost is told', async () => {
    const ids = await killRedisUnderLoad('everysec');
    const isQuiet = async () => {
      const { waiting, active, delayed } = await queue.counts();
      return waiting + active + delayed === 0;
    };
    await eventually(isQuiet, { what: 'all that Redis has', ...PATIENCE });
    const done = new Set(await fleet.doneWith(ids));
    const lost = ids.filter((id) => !done.has(id));
    console.log(`AOF everysec, 2 kills of Redis: ${lost.length} of ${ids.length} accepted jobs lost`);
    await proveConsuming('afterwards');
  }, 90_000);

  /** Gives the ids of the jobs that Redis confirmed. */
  async function killRedisUnderLoad(appendfsync: 'always' | 'everysec'): Promise<string[]> {
    await prepare(['--appendonly', 'yes', '--appendfsync', appendfsync]);
    await fleet.addMany(2);
    const ids: string[] = [];
    const add = async () => {
      // What Redis did not confirm was not accepted.
      await queue.add('work', { ms: 5 }).then(
        ({ id }) => ids.push(id),
        () => sleep(20),
      );
    };
    const isOver = { now: false };
    const producers = Array.from({ length: 4 }, async () => {
      while (!isOver.now) await add();
    });
    for (let kills = 0; kills < 2; kills++) {
      const before = ids.length;
      await eventually(() => ids.length > before + 100, { what: 'a hundred jobs', ...PATIENCE });
      await sleep(Math.random() * 1_000);
      await redis.kill9();
      await redis.restart();
    }
    isOver.now = true;
    await Promise.all(producers);
    return ids;
  }
});

describe('a worker that is frozen', () => {
  it('loses its job to another one, and its late acknowledgement is refused', async () => {
    await prepare();
    const [frozen] = await fleet.addMany(1, BLOCKED);
    const job = await queue.add('work', { ms: 1_500 });
    await eventually(() => fleet.starts(job.id).length === 1, { what: 'the job to start', ...PATIENCE });
    await frozen!.kill('SIGSTOP');
    await fleet.add(BLOCKED);
    await untilDone([job.id], 'the job to be done elsewhere');
    const second = fleet.starts(job.id)[1]!;
    expect(second.pid).not.toBe(frozen!.pid);
    await eventually(async () => (await queue.counts()).completed === 1, {
      what: 'the acknowledgement',
      ...PATIENCE,
    });
    await frozen!.kill('SIGCONT');
    await eventually(() => fleet.said('done').length === 2, {
      what: 'the frozen one to end its run',
      ...PATIENCE,
    });
    // The frozen one is heard from again, on a job of its own, and its late word has changed nothing.
    await proveConsuming('afterwards');
    expect(await queue.counts()).toMatchObject({ completed: 2, active: 0, waiting: 0, dead: 0 });
    const fences = fleet.starts(job.id).map(({ line }) => line['fence'] as number);
    expect(fences[1]).toBeGreaterThan(fences[0]!);
  }, 60_000);
});

describe('a worker that is told to stop', () => {
  it('finishes what it can, and exits by itself', async () => {
    await prepare();
    const worker = await fleet.add();
    const job = await queue.add('work', { ms: 400 });
    await eventually(() => fleet.starts(job.id).length === 1, { what: 'the job to start', ...PATIENCE });
    await fleet.kill(worker, 'SIGTERM');
    expect(fleet.said('done')).toEqual([job.id]);
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await queue.counts()).toMatchObject({ completed: 1, waiting: 0, active: 0 });
  }, 60_000);

  it('hands back at once what heeds its signal, and at the end of its time what does not', async () => {
    await prepare();
    const worker = await fleet.add({ DRAIN_MS: '1000' });
    const [heeds, queued, ignores] = [
      await queue.add('patient', { ms: 60_000 }),
      await queue.add('patient', { ms: 0 }),
      await queue.add('work', { ms: 60_000 }),
    ];
    await eventually(() => fleet.said('started').length === 2, { what: 'both to start', ...PATIENCE });
    await fleet.add();
    const stoppedAt = performance.now();
    const stopping = fleet.kill(worker, 'SIGTERM');
    const again = (id: string) =>
      eventually(() => fleet.starts(id).find(({ pid }) => pid !== worker.pid), {
        what: `${id} elsewhere`,
        ...PATIENCE,
      });
    const handedBackMs = (await again(heeds.id)).at - stoppedAt;
    const lateMs = (await again(ignores.id)).at - stoppedAt;
    await stopping;
    console.log(
      `handed back: ${Math.round(handedBackMs)} ms; after the drain's 1000 ms: ${Math.round(lateMs)} ms`,
    );
    // Far below the three seconds that a dead worker would take to be noticed.
    expect(handedBackMs).toBeLessThan(2_500);
    expect(lateMs).toBeLessThan(3_500);
    await untilDone([queued.id], 'the job that had not started');
    expect(await queue.deadLetters()).toEqual([]);
  }, 60_000);
});

describe('a poisonous job', () => {
  // One kind at a time: what takes its process down takes the others down with it, and they would tell of that.
  it.each([
    ['that ends its process', 'exit', 'lost with its worker'],
    ['that never yields', 'spin', 'lost with its worker'],
    ['that never returns', 'never', '[TIMEOUT]'],
    ['that always throws', 'throw', 'Error: always'],
  ])(
    '%s is parked after its attempts, and all others finish',
    async (_what, pattern, reason) => {
      await prepare();
      const poison = await queue.add(pattern, {});
      const good = await queue.addBulk(
        Array.from({ length: 30 }, () => ({ pattern: 'work', data: { ms: 30 } })),
      );
      const isOver = { now: false };
      const supervisors = [supervise(isOver), supervise(isOver)];
      await eventually(async () => (await queue.counts()).dead === 1, {
        what: 'the dead letter',
        timeoutMs: 60_000,
      });
      await untilDone(
        good.map(({ id }) => id),
        'the good jobs',
      );
      isOver.now = true;
      await Promise.all(supervisors);
      const [dead] = await queue.deadLetters();
      expect(dead).toMatchObject({ id: poison.id, reason: expect.stringContaining(reason) });
    },
    90_000,
  );

  /** An operator that starts again what has ended, and ends what does not answer any more. */
  async function supervise(isOver: { readonly now: boolean }): Promise<void> {
    while (!isOver.now) {
      const worker = fleet.spawn();
      const ended = worker.exited.then(() => true);
      while (!isOver.now && !(await Promise.race([ended, sleep(300, false)]))) {
        const last = fleet.ledger.findLast(({ pid }) => pid === worker.pid)?.line;
        if (last?.['pattern'] === 'spin') {
          await sleep(500);
          await fleet.kill(worker);
        }
      }
      await worker.kill();
    }
  }
});

describe('a repeating job', () => {
  it('is added once a tick, however many instances set it', async () => {
    await prepare();
    await fleet.addMany(3, { REPEAT: '* * * * * *' });
    const [schedule] = await queue.schedules();
    expect(schedule).toMatchObject({ name: 'often', cron: '* * * * * *', pattern: 'work' });
    await eventually(() => fleet.said('started').length >= 4, { what: 'four ticks', ...PATIENCE });
    expect(await queue.stopRepeating('often')).toBe(true);
    const ids = fleet.said('started');
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids.every((id) => /^often:\d+000$/.test(id))).toBe(true);
  }, 60_000);
});
