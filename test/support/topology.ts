import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';

import type { RedisLocation } from '../../lib/index.js';
import type { RunningRedis } from '../../tools/redis.mjs';
import { forgetProcess, watchProcess } from '../../tools/watchdog.mjs';
import { atEnd } from './at-end.js';
import { eventually } from './eventually.js';
import { startRealRedis } from './redis.js';

const SLOTS = 16_384;
const NODE_TIMEOUT_MS = 1_000;

export interface TestCluster {
  /** The primaries first, then one replica of each, in the same order. */
  readonly nodes: readonly RunningRedis[];
  readonly seeds: readonly { host: string; port: number }[];
  /** Runs a command on one node. */
  on(node: number, ...command: [string, ...(string | number)[]]): Promise<unknown>;
}

/** A Redis Cluster of three primaries, and of a replica each if wanted. */
export async function startCluster(withReplicas: boolean): Promise<TestCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)];
  const nodes = await Promise.all(Array.from({ length: withReplicas ? 6 : 3 }, () => startRealRedis(args)));
  const admins = nodes.map(({ url }) => openAdmin(url));
  const on: TestCluster['on'] = (node, ...command) => admins[node]!.call(...command);

  for (const [index, { port }] of nodes.entries())
    if (index > 0) await on(0, 'CLUSTER', 'MEET', '127.0.0.1', port);
  for (const primary of [0, 1, 2]) {
    const [from, to] = [Math.ceil((SLOTS / 3) * primary), Math.ceil((SLOTS / 3) * (primary + 1)) - 1];
    await on(primary, 'CLUSTER', 'ADDSLOTSRANGE', from, to);
  }
  const isWhole = async (node: number) => {
    const info = String(await on(node, 'CLUSTER', 'INFO'));
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
  };
  const everyNode = async () => (await Promise.all(nodes.map((_, node) => isWhole(node)))).every(Boolean);
  await eventually(everyNode, { what: 'the cluster to form', timeoutMs: 20_000 });
  for (const replica of withReplicas ? [3, 4, 5] : []) {
    await on(replica, 'CLUSTER', 'REPLICATE', String(await on(replica - 3, 'CLUSTER', 'MYID')));
  }
  if (withReplicas) await eventually(() => isReplicating(on), { what: 'the replicas', timeoutMs: 20_000 });
  return { nodes, on, seeds: nodes.map(({ port }) => ({ host: '127.0.0.1', port })) };
}

async function isReplicating(on: TestCluster['on']): Promise<boolean> {
  const infos = await Promise.all([3, 4, 5].map((node) => on(node, 'INFO', 'replication')));
  return infos.every((info) => String(info).includes('master_link_status:up'));
}

function idsOf(cluster: TestCluster): Promise<string[]> {
  const nodes = [...cluster.nodes.keys()];
  return Promise.all(nodes.map(async (node) => String(await cluster.on(node, 'CLUSTER', 'MYID'))));
}

/** The node that has the slot of a key, as the first one knows it. */
export async function ownerOf(cluster: TestCluster, key: string): Promise<number> {
  const slot = Number(await cluster.on(0, 'CLUSTER', 'KEYSLOT', key));
  const ranges = (await cluster.on(0, 'CLUSTER', 'SLOTS')) as [number, number, [string, number, string]][];
  const range = ranges.find(([from, to]) => from <= slot && slot <= to)!;
  return (await idsOf(cluster)).indexOf(range[2][2]);
}

/**
 * Moves the slot of a key from its primary to the next one, with its keys, as `redis-cli --cluster reshard` does.
 *
 * @param stayHalfMs how long it stays half moved
 */
export async function moveSlot(cluster: TestCluster, key: string, stayHalfMs = 0): Promise<void> {
  const slot = Number(await cluster.on(0, 'CLUSTER', 'KEYSLOT', key));
  const primaries = [0, 1, 2];
  const ids = await idsOf(cluster);
  const owner = await ownerOf(cluster, key);
  const next = (owner + 1) % 3;
  await cluster.on(next, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[owner]!);
  await cluster.on(owner, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[next]!);
  for (let isHalf = false; ; isHalf = true) {
    const keys = (await cluster.on(owner, 'CLUSTER', 'GETKEYSINSLOT', slot, isHalf ? 1_000 : 1)) as string[];
    if (keys.length === 0) break;
    const { port } = cluster.nodes[next]!;
    await cluster.on(owner, 'MIGRATE', '127.0.0.1', port, '', 0, 5_000, 'REPLACE', 'KEYS', ...keys);
    if (!isHalf) await sleep(stayHalfMs);
  }
  for (const node of [next, owner, ...primaries])
    await cluster.on(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', ids[next]!);
}

/** A user who may do all but sharded pub/sub: as a member of a former version, or where Redis does not have it. */
export async function addFormerUser(cluster: TestCluster): Promise<RedisLocation> {
  const rights = ['on', '>former', '~*', '&*', '+@all', '-ssubscribe', '-spublish'];
  for (const node of cluster.nodes.keys()) await cluster.on(node, 'ACL', 'SETUSER', 'former', ...rights);
  return { cluster: cluster.seeds, options: { redisOptions: { username: 'former', password: 'former' } } };
}

export interface TestSentinel {
  readonly primary: RunningRedis;
  readonly replica: RunningRedis;
  readonly sentinels: readonly { host: string; port: number }[];
  readonly name: string;
}

/** A primary, its replica, and one Sentinel that alone decides about a failover. */
export async function startSentinel(): Promise<TestSentinel> {
  const primary = await startRealRedis();
  const replica = await startRealRedis(['--replicaof', '127.0.0.1', String(primary.port)]);
  const folder = await mkdtemp(join(tmpdir(), 'hydra-sentinel-'));
  const port = primary.port + 10_000;
  await writeFile(join(folder, 'sentinel.conf'), sentinelConfig(port, primary.port));
  const child = spawn('redis-server', [join(folder, 'sentinel.conf'), '--sentinel'], {
    stdio: 'ignore',
    cwd: folder,
  });
  const pid = child.pid!;
  watchProcess(pid);
  child.once('exit', () => forgetProcess(pid));
  atEnd(async () => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const admin = openAdmin(`redis://127.0.0.1:${port}`);
  await eventually(
    async () => String(await admin.call('SENTINEL', 'REPLICAS', 'main')).includes(String(replica.port)),
    {
      what: 'the Sentinel to know the replica',
      timeoutMs: 20_000,
    },
  );
  return { primary, replica, sentinels: [{ host: '127.0.0.1', port }], name: 'main' };
}

function sentinelConfig(port: number, primaryPort: number): string {
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor main 127.0.0.1 ${primaryPort} 1`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 5000',
    '',
  ].join('\n');
}

function openAdmin(url: string): Redis {
  const admin = new Redis(url, { retryStrategy: () => 100 });
  admin.on('error', () => undefined);
  atEnd(() => admin.disconnect());
  return admin;
}
