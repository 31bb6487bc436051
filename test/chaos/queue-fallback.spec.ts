import 'reflect-metadata';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraQueued, HydraRecordBuilder, QueueService } from '../../lib/index.js';
import { startCaller } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import type { RunningRedis } from '../../tools/redis.mjs';
import { WorkerFleet } from './worker.fleet.js';

const PATIENCE = { timeoutMs: 30_000 };

let redis: RunningRedis;
let service: string;
let queue: QueueService;
let client: HydraClient;
let fleet: WorkerFleet;

beforeEach(async () => {
  redis = await startPrivateRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
  service = uniqueService('fallback');
  const { app } = await startCaller({ service: uniqueService('shop'), redis: redis.url }, []);
  queue = app.get(QueueService);
  client = new HydraClient({ service, redis: redis.url });
  await client.connect();
  fleet = new WorkerFleet({ SERVICE: service, REDIS: redis.url });
}, 60_000);

afterEach(async () => {
  for (const worker of fleet.workers) await worker.kill();
  await client.close();
}, 30_000);

function call(ms: number, timeoutMs = 20_000): Promise<unknown> {
  const record = new HydraRecordBuilder({ ms }).setTimeout(timeoutMs).setFallback('queue').build();
  return firstValueFrom(client.send('work', record)).catch((error: unknown) => error);
}

const stored = async () => {
  const { waiting, active, completed } = await queue.counts(service);
  return waiting + active + completed;
};

const untilDone = (ids: readonly string[]) =>
  eventually(() => ids.every((id) => fleet.said('done').includes(id)), {
    what: `${ids.length} queued calls`,
    ...PATIENCE,
  });

describe('calls with the fallback queue', () => {
  it('are each handled once by the process that starts after them', async () => {
    const queued = await Promise.all(Array.from({ length: 50 }, () => call(0)));
    const ids = queued.map((answer) => (answer as HydraQueued).id);
    expect(queued.every((answer) => answer instanceof HydraQueued)).toBe(true);
    await fleet.add();
    await untilDone(ids);
    expect(fleet.said('done').toSorted()).toEqual(ids.toSorted());
  }, 90_000);

  it('are not queued when their instance was killed with them, and are after that', async () => {
    const worker = await fleet.add();
    await eventually(() => client.instances.length === 1, { what: 'the instance', ...PATIENCE });
    expect(await call(0)).toBe('answered');
    const inHand = call(60_000);
    const called = () => fleet.ledger.filter(({ line }) => line['called'] === true).length;
    await eventually(() => called() === 2, { what: 'the call to be in hand', ...PATIENCE });
    await fleet.kill(worker);
    expect(await inHand).toMatchObject({ code: 'INSTANCE_LOST' });
    expect(await stored()).toBe(0);
    // Its entry in the registry is still there; that nobody receives the call is known at once.
    const later = await call(0);
    expect(later).toBeInstanceOf(HydraQueued);
    await fleet.add();
    await untilDone([(later as HydraQueued).id]);
    expect(fleet.said('started')).toHaveLength(1);
  }, 90_000);

  it('fail while Redis is away, and are stored at most once', async () => {
    await redis.kill9();
    expect(await call(0, 1_000)).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await redis.restart();
    expect(await call(0)).toBeInstanceOf(HydraQueued);
    expect(await stored()).toBe(1);
    let calls = 2;
    await redis.pause();
    const lost = await call(0, 1_500);
    await redis.resume();
    expect(lost).toMatchObject({ mayHaveRun: true });
    // What the frozen Redis had received it carries out; nothing is sent again.
    const again = async () => {
      calls++;
      const answer = await call(0);
      return answer instanceof HydraQueued ? answer : undefined;
    };
    const after = await eventually(again, { what: 'Redis to be back', ...PATIENCE });
    const ids = (await queue.list('waiting', { service })).map(({ id }) => id);
    expect(ids).toContain(after.id);
    expect(ids.length).toBeLessThanOrEqual(calls);
    expect(new Set(ids).size).toBe(ids.length);
  }, 90_000);
});
