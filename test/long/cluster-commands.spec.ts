import type { Cluster } from 'ioredis';

import { HydraError, type RedisLocation } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { load } from '../support/load.js';
import { moveSlot, ownerOf, startCluster, type TestCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const COMMAND_TIMEOUT_MS = 20_000;

async function open(redis: RedisLocation): Promise<HydraInstance> {
  const connection = { commandTimeoutMs: COMMAND_TIMEOUT_MS, pingIntervalMs: 500 };
  const instance = new HydraInstance(
    resolveOptions({ service: uniqueService('commands'), redis, connection }),
  );
  atEnd(() => instance.close());
  await instance.open();
  return instance;
}

/** Whether it is known that nothing was done, or that something may have been. */
async function outcomeOf(done: Promise<unknown>): Promise<'done' | 'not done' | 'unknown'> {
  try {
    await done;
    return 'done';
  } catch (error) {
    if (!(error instanceof HydraError) || error.code !== 'REDIS_UNAVAILABLE') throw error;
    return error.mayHaveRun ? 'unknown' : 'not done';
  }
}

describe('commands on a Cluster', () => {
  it('wait for a slot whose keys are half here and half there', async () => {
    const cluster = await startCluster(false);
    const { options, queues } = await open({ cluster: cluster.seeds });
    // Scripts of several keys, of which Redis finds only some.
    await queues.add('job', 0, { id: 'first' });
    const moving = moveSlot(cluster, `{${options.service}}`, 2_500);
    const add = (n: number) => queues.add('job', n, { id: `job-${n}` });
    const { outcomes, total, slowestMs } = await load(add, 50, moving);
    expect(outcomes).toEqual({ ok: total });
    expect(slowestMs).toBeLessThan(COMMAND_TIMEOUT_MS);
    expect((await queues.counts()).waiting).toBe(total + 1);
  }, 60_000);

  it('are not sent again by the driver when their connection breaks', async () => {
    const cluster = await startCluster(false);
    const { options, redis } = await open({ cluster: cluster.seeds });
    const key = `{${options.service}}:list`;
    const owner = cluster.nodes[await ownerOf(cluster, key)]!;
    await owner.pause();
    const pushes = Array.from({ length: 20 }, (_, n) =>
      outcomeOf(redis.run('push', (client) => client.rpush(key, n))),
    );
    // Written, and not read yet.
    await new Promise((written) => setTimeout(written, 50));
    for (const node of (redis.commands as Cluster).nodes('all')) node.stream.destroy();
    await owner.resume();
    expect(new Set(await Promise.all(pushes))).toEqual(new Set(['unknown']));
    await redis.run('push', (client) => client.rpush(key, 'last'));
    const pushed = await redis.run('read', (client) => client.lrange(key, 0, -1));
    expect(new Set(pushed).size).toBe(pushed.length);
  }, 60_000);

  it('wait for the failover of their node, and tell which of them may have been done', async () => {
    const cluster = await startCluster(true);
    const { options, queues } = await open({ cluster: cluster.seeds });
    const failing = failOver(cluster, `{${options.service}}`);
    const results = { done: 0, 'not done': 0, unknown: 0 };
    const add = async (n: number) => {
      results[await outcomeOf(queues.add('job', n))]++;
    };
    await load(add, 200, failing);
    process.stdout.write(`adds through a failover of a Cluster's node: ${JSON.stringify(results)}\n`);
    expect(results['not done']).toBe(0);
    // Those on their way at the moment of the kill.
    expect(results.unknown).toBeLessThan(20);
  }, 90_000);
});

/** Kills the node of a key; resolves when its replica serves in its place. */
async function failOver(cluster: TestCluster, key: string): Promise<void> {
  const owner = await ownerOf(cluster, key);
  await cluster.nodes[owner]!.kill9();
  const isPrimary = async () =>
    String(await cluster.on(owner + 3, 'INFO', 'replication')).includes('role:master');
  await eventually(isPrimary, { what: 'the replica to take over', timeoutMs: 30_000 });
}
