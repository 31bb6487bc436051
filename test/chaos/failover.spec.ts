import { fileURLToPath } from 'node:url';
import { firstValueFrom } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient, type RedisLocation } from '../../lib/index.js';
import { startChild, type Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { load } from '../support/load.js';
import { startCluster, startSentinel } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const ECHO = fileURLToPath(new URL('./echo.process.ts', import.meta.url));
const TYPED = new Set(['ok', 'REDIS_UNAVAILABLE', 'INSTANCE_LOST', 'NO_INSTANCE', 'TIMEOUT']);

describe('a failover of Redis', () => {
  const opened: HydraClient[] = [];
  const children: Child[] = [];

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((client) => client.close()));
    await Promise.all(children.splice(0).map((child) => child.kill('SIGKILL')));
  });

  async function start(service: string, redis: RedisLocation, count: number): Promise<HydraClient> {
    const env = { REDIS_URL: JSON.stringify(redis), SERVICE: service };
    const started = Array.from({ length: count }, () => startChild(ECHO, { env }));
    children.push(...started);
    await Promise.all(started.map(({ ready }) => ready));
    const client = new HydraClient({ service, redis, timeoutMs: 3_000, connection: { pingIntervalMs: 500 } });
    opened.push(client);
    await client.connect();
    await eventually(() => client.instances.length === count, { what: 'every instance', timeoutMs: 10_000 });
    return client;
  }

  it('by Sentinel interrupts calls, and ends by itself', async () => {
    const { primary, sentinels, name } = await startSentinel();
    const client = await start(uniqueService('sentinel'), { sentinels: [...sentinels], name }, 2);
    await survives(client, () => primary.kill9());
  });

  it('of a Cluster node interrupts calls, and ends by itself', async () => {
    const cluster = await startCluster(true);
    const client = await start(uniqueService('cluster'), { cluster: cluster.seeds }, 2);
    await survives(client, () => cluster.nodes[0]!.kill9());
  });

  it('is not needed to find a dead instance on a Cluster', async () => {
    const cluster = await startCluster(false);
    const service = uniqueService('cluster');
    const client = await start(service, { cluster: cluster.seeds }, 2);
    const [doomed] = children;
    await doomed!.kill('SIGKILL');
    await eventually(() => client.instances.length === 1, { what: 'one instance', timeoutMs: 10_000 });
    expect(await call(client, 1)).toBe(1);
  });
});

function call(client: HydraClient, n: number): Promise<number> {
  return firstValueFrom(client.send<number>('echo', n));
}

/** Calls fail typed while Redis is away, and succeed again once it is back; none runs twice. */
async function survives(client: HydraClient, fail: () => Promise<unknown>): Promise<void> {
  const recovery = (async () => {
    await sleep(500);
    await fail();
    await sleep(500);
    // A number of its own for each try: one that failed may have run.
    let tries = 0;
    const answers = () =>
      call(client, --tries).then(
        (answer) => answer < 0,
        () => false,
      );
    await eventually(answers, { what: 'calls to succeed again', timeoutMs: 30_000, everyMs: 100 });
    await sleep(500);
  })();
  const result = await load((n) => call(client, n + 1), 100, recovery);
  expect(Object.keys(result.outcomes).filter((outcome) => !TYPED.has(outcome))).toEqual([]);
  await eventually(() => client.instances.length === 2, {
    what: 'both instances again',
    timeoutMs: 10_000,
  });
  const reports = await Promise.all(
    client.instances.map(({ id }) => firstValueFrom(client.to(id).send('report', {}))),
  );
  expect(reports.map((report) => (report as { twice: number }).twice)).toEqual([0, 0]);
}
