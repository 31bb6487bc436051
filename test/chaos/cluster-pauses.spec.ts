import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { load } from '../support/load.js';
import { startCluster, type TestCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const VALUES = Array.from({ length: 300 }, (_, n) => n);
const PAUSE_MS = 600;
const EXPECTED = new Set(['ok', 'REDIS_UNAVAILABLE', 'INSTANCE_LOST', 'NO_INSTANCE', 'TIMEOUT']);

const runs = new Map<number, number>();

@Controller()
class Counter {
  @MessagePattern('count')
  async *count(pauseMs: number): AsyncGenerator<number> {
    for (const value of VALUES) {
      yield value;
      if (pauseMs > 0) await sleep(pauseMs);
    }
  }

  @MessagePattern('work')
  work(n: number): number {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    return n;
  }
}

describe('calls on a Cluster', () => {
  const service = uniqueService('cluster');
  let cluster: TestCluster;
  let client: HydraClient;

  beforeAll(async () => {
    cluster = await startCluster(false);
    const redis = { cluster: cluster.seeds };
    const start = () => startService({ service, redis }, [Counter]);
    await Promise.all([start(), start(), start()]);
    client = new HydraClient({ service, redis, timeoutMs: 5_000 });
    atEnd(() => client.close());
    await client.connect();
    await eventually(() => client.instances.length === 3, { what: 'every instance', timeoutMs: 10_000 });
  });

  it.each([0, 1])('bring the values of an answer in their order, sent %i ms apart', async (pauseMs) => {
    const answer = () => lastValueFrom(client.send<number>('count', pauseMs).pipe(toArray()));
    const answers = await Promise.all(Array.from({ length: 20 }, answer));
    expect(answers.filter((values) => values.join() !== VALUES.join())).toEqual([]);
  });

  it('run once at most while one node after the other stands still for a moment', async () => {
    const pausing = (async () => {
      for (let round = 0; round < 6; round++) {
        const node = cluster.nodes[round % 3]!;
        await node.pause();
        await sleep(PAUSE_MS);
        await node.resume();
        await sleep(200);
      }
    })();
    const result = await load((n) => firstValueFrom(client.send('work', n)), 300, pausing);
    expect(Object.keys(result.outcomes).filter((outcome) => !EXPECTED.has(outcome))).toEqual([]);
    expect(result.outcomes['ok']).toBeGreaterThan(result.total * 0.9);
    expect([...runs.values()].filter((count) => count > 1)).toEqual([]);
  });
});
