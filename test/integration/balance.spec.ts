import { firstValueFrom, lastValueFrom } from 'rxjs';

import { HydraClient, type Balancer, type RedisLocation } from '../../lib/index.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import type { Done } from '../support/work-process.js';
import { startWorkers, type Worker } from '../support/workers.js';

describe('three instances of a service', () => {
  const service = uniqueService('work');
  let redis: RedisLocation;
  let workers: readonly Worker[] = [];
  let client: HydraClient;
  const clients: HydraClient[] = [];

  const connect = async (options: Partial<ConstructorParameters<typeof HydraClient>[0]> = {}) => {
    const made = new HydraClient({ service, redis, ...options });
    clients.push(made);
    await made.connect();
    await eventually(() => made.instances.length === 3, { what: 'three instances' });
    return made;
  };
  const work = (by: HydraClient, id: number) => firstValueFrom(by.send<Done>('work', { id }));
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  beforeAll(async () => {
    redis = await testRedis();
    workers = await startWorkers(service, redis, 3);
    client = await connect();
  }, 90_000);
  afterAll(async () => {
    await Promise.all(clients.map((made) => made.close()));
    await Promise.all(workers.map((worker) => worker.kill()));
  });

  it('run 3,000 calls 3,000 times, answer each once, and all take part', async () => {
    const ids = range(1, 3_000);
    const done = await Promise.all(ids.map((id) => work(client, id)));
    expect(done.map(({ id }) => id)).toEqual(ids);
    await eventually(() => workers.flatMap((worker) => worker.ran()).length >= 3_000, { what: 'the ledger' });
    const ledger = workers.flatMap((worker) => worker.ran()).toSorted((a, b) => a - b);
    expect(ledger).toEqual(ids);
    expect(new Set(done.map(({ instance }) => instance))).toEqual(new Set(workers.map(({ id }) => id)));
  });

  it('take turns with the round-robin balancer', async () => {
    const fair = await connect({ balancer: 'round-robin' });
    const done = await Promise.all(range(10_001, 10_030).map((id) => work(fair, id)));
    const counts = workers.map((worker) => done.filter(({ instance }) => instance === worker.id).length);
    expect(counts).toEqual([10, 10, 10]);
  });

  it('are all drawn by the random balancer', async () => {
    const random = await connect({ balancer: 'random' });
    const done = await Promise.all(range(20_001, 20_200).map((id) => work(random, id)));
    expect(new Set(done.map(({ instance }) => instance)).size).toBe(3);
  });

  it('are chosen by a function of ours, which sees pattern and load', async () => {
    const seen = new Set<string>();
    const lowestId: Balancer = (instances, view) => {
      seen.add(
        `${view.pattern} ${typeof view.inFlight(instances[0]!)} ${typeof view.latencyMs(instances[0]!)}`,
      );
      return instances.toSorted((a, b) => a.id.localeCompare(b.id))[0];
    };
    const own = await connect({ balancer: lowestId });
    const done = await Promise.all(range(30_001, 30_010).map((id) => work(own, id)));
    const lowest = workers.map(({ id }) => id).toSorted()[0];
    expect(new Set(done.map(({ instance }) => instance))).toEqual(new Set([lowest]));
    expect([...seen]).toEqual(['work number number']);
  });

  it('are each reachable by id, and an unknown id is nobody', async () => {
    for (const worker of workers) {
      expect((await work(client.to(worker.id), 40_000)).instance).toBe(worker.id);
    }
    await expect(work(client.to('0'.repeat(32)), 40_001)).rejects.toMatchObject({ code: 'NO_INSTANCE' });
  });

  it('share events out, one instance each, and all hear what is broadcast', async () => {
    const ran = (id: number) => workers.map((worker) => worker.ran().filter((r) => r === id).length);
    for (const id of range(50_001, 50_030)) {
      await lastValueFrom(client.emit('happened', { id }), { defaultValue: undefined });
    }
    await lastValueFrom(client.broadcast('happened', { id: 51_000 }));
    await eventually(() => ran(51_000).every((count) => count === 1), { what: 'the broadcast at all three' });
    for (const id of range(50_001, 50_030)) expect(ran(id).toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
  });
});
