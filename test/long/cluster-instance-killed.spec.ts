import { fileURLToPath } from 'node:url';
import { firstValueFrom } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient, type RedisLocation } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { load } from '../support/load.js';
import { addFormerUser, startCluster, type TestCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const ECHO = fileURLToPath(new URL('../chaos/echo.process.ts', import.meta.url));
const PROBE_AFTER_MS = 250;
/** What a busy machine may add to what is promised on a quiet one. */
const BUSY_MS = 150;

describe('an instance on a Cluster that is killed under load', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster(false);
  }, 60_000);

  /** Milliseconds after the kill up to which calls were begun that failed. */
  async function lossWindow(redis: RedisLocation): Promise<number> {
    const service = uniqueService('cluster');
    const env = { REDIS_URL: JSON.stringify(redis), SERVICE: service };
    const children = [startChild(ECHO, { env }), startChild(ECHO, { env })];
    await Promise.all(children.map(({ ready }) => ready));
    const client = new HydraClient({
      service,
      redis,
      timeoutMs: 5_000,
      calls: { probeAfterMs: PROBE_AFTER_MS },
    });
    atEnd(() => client.close());
    await client.connect();
    await eventually(() => client.instances.length === 2, { what: 'both instances', timeoutMs: 10_000 });
    let killedAt = Infinity;
    const failed: number[] = [];
    const call = async (n: number) => {
      const begunAt = performance.now();
      await firstValueFrom(client.send('echo', n)).catch((error: unknown) => {
        failed.push(begunAt - killedAt);
        throw error;
      });
    };
    const killing = (async () => {
      await sleep(500);
      killedAt = performance.now();
      await children[0]!.kill('SIGKILL');
      await sleep(2_500);
    })();
    const { outcomes, total } = await load(call, 400, killing);
    const windowMs = Math.max(0, ...failed);
    process.stdout.write(
      `${total} calls, ${failed.length} failed, begun up to ${windowMs.toFixed(0)} ms after the kill\n`,
    );
    expect(Object.keys(outcomes).filter((outcome) => !['ok', 'INSTANCE_LOST'].includes(outcome))).toEqual([]);
    return windowMs;
  }

  it('loses the calls of 50 ms with sharded pub/sub', async () => {
    expect(await lossWindow({ cluster: cluster.seeds })).toBeLessThan(50 + BUSY_MS);
  }, 60_000);

  it('loses the calls of twice calls.probeAfterMs without', async () => {
    expect(await lossWindow(await addFormerUser(cluster))).toBeLessThan(2 * PROBE_AFTER_MS + BUSY_MS);
  }, 60_000);
});
