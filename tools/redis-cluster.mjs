/** A Redis Cluster of three primaries on this machine, each with a replica if wanted, for tests and benchmarks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis } from './redis.mjs';

const PRIMARIES = 3;
const SLOTS = 16_384;
const NODE_TIMEOUT_MS = 2_000;
const FORM_WITHIN_MS = 30_000;

/** Resolves once every node says that the Cluster is whole: `{ seeds, stop }`. */
export async function startRedisCluster({ withReplicas = false, log } = {}) {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)];
  const count = withReplicas ? 2 * PRIMARIES : PRIMARIES;
  const nodes = await Promise.all(
    Array.from({ length: count }, () => startRedis({ args, ownOnly: true, log: () => {} })),
  );
  const admins = nodes.map(({ url }) => new Redis(url));
  try {
    await form(nodes, admins);
    if (withReplicas) await addReplicas(admins);
  } finally {
    for (const admin of admins) admin.disconnect();
  }
  log?.(`a Redis Cluster is up on ${nodes.map(({ port }) => port).join(', ')}`);
  const stop = () => Promise.all(nodes.map((node) => node.stop()));
  return { seeds: nodes.map(({ port }) => ({ host: '127.0.0.1', port })), nodes, stop };
}

async function form(nodes, admins) {
  for (const { port } of nodes.slice(1)) await admins[0].call('CLUSTER', 'MEET', '127.0.0.1', port);
  for (let index = 0; index < PRIMARIES; index++) {
    const from = Math.ceil((SLOTS / PRIMARIES) * index);
    const to = Math.ceil((SLOTS / PRIMARIES) * (index + 1)) - 1;
    for (let slot = from; slot <= to; slot += 1_000) {
      const slots = Array.from({ length: Math.min(1_000, to - slot + 1) }, (_, n) => slot + n);
      await admins[index].call('CLUSTER', 'ADDSLOTS', ...slots);
    }
  }
  await until(admins, 'the Cluster to form', async (admin) => {
    const info = String(await admin.call('CLUSTER', 'INFO'));
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
  });
}

async function addReplicas(admins) {
  const replicas = admins.slice(PRIMARIES);
  for (const [index, replica] of replicas.entries())
    await replica.call('CLUSTER', 'REPLICATE', String(await admins[index].call('CLUSTER', 'MYID')));
  await until(replicas, 'the replicas', async (replica) =>
    String(await replica.call('INFO', 'replication')).includes('master_link_status:up'),
  );
}

async function until(admins, what, isSo) {
  const endsAt = Date.now() + FORM_WITHIN_MS;
  for (;;) {
    const all = await Promise.all(admins.map((admin) => isSo(admin)));
    if (all.every(Boolean)) return;
    if (Date.now() > endsAt) throw new Error(`waited ${FORM_WITHIN_MS} ms in vain for ${what}`);
    await sleep(50);
  }
}
