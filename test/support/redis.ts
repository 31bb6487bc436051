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

/** What the Redis in memory does not have: other servers, other ways to speak, and files. */
const ONLY_REAL =
  /^--(?:cluster|replica|slave|tls|append|save|acl|sentinel|unixsocket|dbfilename|load|enable)/;

/**
 * A Redis that may be killed, paused and restarted, since nobody else uses it. With `--redis=memory` it is one in memory,
 * unless its arguments ask for what only a real one has.
 */
export async function startPrivateRedis(args: string[] = []): Promise<RunningRedis> {
  if (process.env['HYDRA_TEST_PRIVATE'] !== 'memory' || args.some((arg) => ONLY_REAL.test(arg)))
    return startAndStopAtEnd({ args, ownOnly: true });
  const redis = await startMemoryRedis({ args });
  atEnd(() => redis.stop());
  return redis;
}

async function startAndStopAtEnd(options: { args?: string[]; ownOnly?: boolean }): Promise<RunningRedis> {
  const redis = await startRedis({ ...options, log: () => undefined });
  atEnd(() => redis.stop());
  return redis;
}
