/** The kinds of Redis that `npm test -- --redis=<kind>` runs suites on, and which suites take which of them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startMemoryRedis } from './memory-redis.mjs';
import { startRedis } from './redis.mjs';
import { ROOT } from './setup.mjs';

export const TOPOLOGIES = ['cluster', 'sentinel', 'tls', 'acl'];
export const KINDS = ['memory', ...TOPOLOGIES];

/**
 * Starts a Redis of a kind, or a plain one. What needs a package is imported here: in a fresh clone there is none before.
 *
 * @returns where the suites find it, as environment variables; how it ends; and what it refused, where that is asked
 */
export async function startKind(kind, { log: say }) {
  if (kind === 'cluster') {
    const { startRedisCluster } = await import('./redis-cluster.mjs');
    const cluster = await startRedisCluster({ log: say });
    const location = JSON.stringify({ cluster: cluster.seeds });
    const env = { HYDRA_TEST_REDIS_URL: cluster.nodes[0].url, HYDRA_TEST_REDIS: location };
    return { env, stop: () => cluster.stop() };
  }
  if (kind === 'sentinel') {
    const { startRedisSentinel } = await import('./redis-sentinel.mjs');
    const sentinel = await startRedisSentinel({ log: say });
    const location = JSON.stringify(sentinel.location);
    return {
      env: { HYDRA_TEST_REDIS_URL: sentinel.url, HYDRA_TEST_REDIS: location },
      stop: () => sentinel.stop(),
    };
  }
  if (kind === 'tls' || kind === 'acl') {
    const { startRedisAcl } = await import('./redis-acl.mjs');
    const { startRedisTls } = await import('./redis-tls.mjs');
    const redis = await (kind === 'tls' ? startRedisTls({ log: say }) : startRedisAcl({ log: say }));
    const env = { HYDRA_TEST_REDIS_URL: redis.url, HYDRA_TEST_REDIS: JSON.stringify(redis.location) };
    if (kind === 'acl') env.HYDRA_TEST_ACL = '1';
    return { env, stop: () => redis.stop(), refused: redis.refused };
  }
  const redis = kind === 'memory' ? await startMemoryRedis() : await startRedis({ log: say });
  const env = { HYDRA_TEST_REDIS_URL: redis.url, ...(kind === 'memory' && { HYDRA_TEST_PRIVATE: 'memory' }) };
  return { env, stop: () => redis.stop() };
}

/** The integration suites that take any form of Redis: those that ask for `testRedis()`, and for no URL. */
export async function suitesForTopology(kind) {
  const folder = join(ROOT, 'test', 'integration');
  const skipped = JSON.parse(await readFile(join(ROOT, 'test', 'support', 'not-on-topologies.json'), 'utf8'));
  const suites = [];
  for (const file of (await readdir(folder)).toSorted()) {
    const text = file.endsWith('.spec.ts') ? await readFile(join(folder, file), 'utf8') : '';
    if (!text.includes('testRedis()') || skipped[kind]?.[file]) continue;
    suites.push(`test/integration/${file}`);
  }
  return suites;
}
