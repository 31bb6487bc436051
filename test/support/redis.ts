import { startMemoryRedis } from '../../tools/memory-redis.mjs';
import { startRedis, type RunningRedis } from '../../tools/redis.mjs';
import type { RedisLocation } from '../../lib/index.js';
import { atEnd } from './at-end.js';

let started: Promise<RunningRedis> | undefined;

/** The Redis shared by the whole run; one of this test file's own when jest was started directly. */
export async function testRedisUrl(): Promise<string> {
  const shared = process.env['HYDRA_TEST_REDIS_URL'];
  if (shared) return shared;
  started ??= startAndStopAtEnd({});
  return (await started).url;
}

/** Where the library finds the Redis of the run: its URL, or with `--redis=cluster|sentinel` the options for those. */
export async function testRedis(): Promise<RedisLocation> {
  const location = process.env['HYDRA_TEST_REDIS'];
  return location ? (JSON.parse(location) as RedisLocation) : testRedisUrl();
}

/** A Redis that may be killed, paused and restarted, since nobody else uses it. With `--redis=memory` it is one in memory. */
export async function startPrivateRedis(args: string[] = []): Promise<RunningRedis> {
  if (process.env['HYDRA_TEST_PRIVATE'] !== 'memory') return startRealRedis(args);
  const redis = await startMemoryRedis({ args });
  atEnd(() => redis.stop());
  return redis;
}

/** The same, and never the one in memory: for Clusters, Sentinels, TLS, and files. */
export function startRealRedis(args: string[] = []): Promise<RunningRedis> {
  return startAndStopAtEnd({ args, ownOnly: true });
}

async function startAndStopAtEnd(options: { args?: string[]; ownOnly?: boolean }): Promise<RunningRedis> {
  const redis = await startRedis({ ...options, log: () => undefined });
  atEnd(() => redis.stop());
  return redis;
}
