import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';

import { QueueService } from '../../lib/index.js';
import { startCaller } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { WorkerFleet } from './worker.fleet.js';

const PATIENCE = { timeoutMs: 45_000 };

let app: INestApplicationContext;
let queue: QueueService;
let fleet: WorkerFleet;

beforeEach(async () => {
  const redis = await startPrivateRedis();
  const service = uniqueService('blocked');
  ({ app } = await startCaller({ service, redis: redis.url }, []));
  queue = app.get(QueueService);
  fleet = new WorkerFleet({ SERVICE: service, REDIS: redis.url });
}, 30_000);

afterEach(async () => {
  for (const worker of fleet.workers) await worker.kill();
  await app.close();
}, 30_000);

describe('a job that blocks the event loop of its worker', () => {
  it('for five seconds runs once, and the others go on with what comes meanwhile', async () => {
    await fleet.addMany(2);
    const block = await queue.add('block', { ms: 5_000 });
    await eventually(() => fleet.starts(block.id).length === 1, { what: 'it to start', ...PATIENCE });
    const startedAt = performance.now();
    const waits: number[] = [];
    for (let n = 0; n < 20; n++) {
      const batch = Array.from({ length: 5 }, async () => {
        const from = performance.now();
        await queue.add('work', { ms: 0 }).result({ timeoutMs: 20_000 });
        waits.push(performance.now() - from);
      });
      await Promise.all(batch);
    }
    const p90 = waits.toSorted((a, b) => a - b)[90]!;
    await eventually(() => fleet.said('done').includes(block.id), { what: 'it to end', ...PATIENCE });
    await eventually(async () => (await queue.counts()).completed === 101, { what: 'all', ...PATIENCE });
    console.log(
      `beside an event loop that is blocked: p90 ${p90.toFixed(1)} ms, worst ${Math.max(...waits).toFixed(1)} ms`,
    );
    expect(fleet.starts(block.id)).toHaveLength(1);
    // One at most was on its way to the blocked one.
    expect(p90).toBeLessThan(scaled(500, startedAt));
    expect(waits.filter((ms) => ms > scaled(2_000, startedAt)).length).toBeLessThanOrEqual(1);
    expect(await queue.deadLetters()).toEqual([]);
  }, 90_000);

  it('for longer than a worker may be silent visits two workers, and its dead letter says why', async () => {
    await fleet.addMany(4, { BLOCKED_MS: '3500' });
    const block = await queue.add('block', { ms: 9_000 });
    const isDead = async () => (await queue.counts()).dead === 1;
    await eventually(isDead, { what: 'the dead letter', ...PATIENCE });
    expect(fleet.starts(block.id)).toHaveLength(2);
    const [dead] = await queue.deadLetters();
    expect(dead).toMatchObject({
      id: block.id,
      reason: expect.stringContaining('its event loop was blocked'),
    });
    expect(await queue.add('work', { ms: 0 }).result({ timeoutMs: 20_000 })).toBeDefined();
  }, 90_000);
});
