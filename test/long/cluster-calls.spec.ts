import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient, type HydraError } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { load } from '../support/load.js';
import { moveSlot, ownerOf, startCluster, type TestCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const CALLS = 13_000;
const STREAMS = 100;
const PER_SECOND = 300;
/** A node is taken for dead after one second: the longer pauses end in a failover. */
const PAUSES_MS = [300, 600, 900, 2_000, 5_000];
const VALUES = 200;
const EXPECTED = new Set([
  'ok',
  'REDIS_UNAVAILABLE',
  'INSTANCE_LOST',
  'NO_INSTANCE',
  'TIMEOUT',
  'REPLY_LOST',
]);

const runs = new Map<number, number>();

@Controller()
class Counter {
  @MessagePattern('count')
  async *count(values: number): AsyncGenerator<number> {
    for (let value = 0; value < values; value++) {
      yield value;
      await sleep(5);
    }
  }

  @MessagePattern('work')
  work(n: number): number {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    return n;
  }
}

/** What a stream of values brought, and whether it ended. */
interface Answer {
  readonly values: number[];
  end?: string;
}

function listenTo(client: HydraClient): Promise<Answer> {
  const answer: Answer = { values: [] };
  return new Promise((resolve) => {
    const end = (how: string) => resolve({ ...answer, end: how });
    client.send<number>('count', VALUES).subscribe({
      next: (value) => answer.values.push(value),
      error: (error: HydraError) => end(error.code),
      complete: () => end('ok'),
    });
  });
}

const isInOrder = ({ values }: Answer) => values.every((value, at) => value === at);
const isWhole = (answer: Answer) => isInOrder(answer) && answer.values.length === VALUES;

describe('on a Cluster whose nodes pause for 0.3 to 5 s and whose slots move', () => {
  const services = [uniqueService('cluster'), uniqueService('cluster'), uniqueService('cluster')];
  let cluster: TestCluster;
  const clients: HydraClient[] = [];

  beforeAll(async () => {
    cluster = await startCluster(true);
    const redis = { cluster: cluster.seeds };
    for (const service of services) {
      await Promise.all([1, 2].map(() => startService({ service, redis }, [Counter])));
      const client = new HydraClient({ service, redis, timeoutMs: 8_000 });
      atEnd(() => client.close());
      clients.push(client);
      await client.connect();
      await eventually(() => client.instances.length === 2, { what: 'both instances', timeoutMs: 20_000 });
    }
  }, 120_000);

  async function disturb(): Promise<void> {
    for (const [round, pauseMs] of PAUSES_MS.entries()) {
      const key = `{${services[round % services.length]!}}`;
      if (round < 3) await moveSlot(cluster, key, 300);
      const owner = cluster.nodes[await ownerOf(cluster, key)]!;
      await owner.pause();
      await sleep(pauseMs);
      await owner.resume();
      await sleep(3_000);
    }
  }

  it('no call runs twice, and no answer is out of order or has a gap', async () => {
    const answers: Promise<Answer>[] = [];
    let made = 0;
    const call = (n: number) => {
      made = n + 1;
      if (answers.length < STREAMS && n % Math.floor(CALLS / STREAMS) === 0)
        answers.push(listenTo(clients[answers.length % clients.length]!));
      return firstValueFrom(clients[n % clients.length]!.send('work', n));
    };
    const disturbed = disturb().then(() =>
      eventually(() => made >= CALLS && answers.length === STREAMS, { what: 'all calls', timeoutMs: 60_000 }),
    );
    const { outcomes, total } = await load(call, PER_SECOND, disturbed);
    const streams = await Promise.all(answers);
    const twice = [...runs.values()].filter((count) => count > 1).length;
    const ends: Record<string, number> = {};
    for (const { end = '' } of streams) ends[end] = (ends[end] ?? 0) + 1;
    process.stdout.write(
      `${total} calls: ${JSON.stringify(outcomes)}, ${twice} ran twice; ${STREAMS} answers of ${VALUES} values: ${JSON.stringify(ends)}\n`,
    );
    expect(twice).toBe(0);
    expect([...Object.keys(outcomes), ...Object.keys(ends)].filter((how) => !EXPECTED.has(how))).toEqual([]);
    expect(streams.filter((answer) => !isInOrder(answer))).toEqual([]);
    expect(streams.filter((answer) => answer.end === 'ok' && !isWhole(answer))).toEqual([]);
    expect(outcomes['ok']).toBeGreaterThan(0.95 * total);
    expect(ends['ok']).toBeGreaterThanOrEqual(0.95 * STREAMS);
  }, 240_000);
});
