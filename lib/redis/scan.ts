import { Cluster } from 'ioredis';

import type { RedisClient } from './redis-connections.js';

/** How many keys one step reads. Between two steps Redis answers other clients. */
const STEP = 1_000;

/**
 * Every key with this prefix, once, in no order. It reads all keys of the database, in steps. It is only for commands
 * of people, never for automatic work. On a Cluster it asks every primary.
 */
export async function* scanKeys(redis: RedisClient, prefix: string): AsyncGenerator<readonly string[]> {
  const pattern = `${prefix.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}*`;
  const seen = new Set<string>();
  for (const node of redis instanceof Cluster ? redis.nodes('master') : [redis]) {
    let cursor = '0';
    do {
      const [next, found] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', STEP);
      cursor = next;
      // SCAN may give a key twice.
      const fresh = found.filter((key) => !seen.has(key));
      for (const key of fresh) seen.add(key);
      if (fresh.length > 0) yield fresh;
    } while (cursor !== '0');
  }
}

/** Every field of a hash with its value, in steps; a field that changes meanwhile may come twice. */
export async function* scanHash(
  redis: RedisClient,
  key: string,
): AsyncGenerator<readonly (readonly [field: string, value: string])[]> {
  let cursor = '0';
  do {
    const [next, flat] = await redis.hscan(key, cursor, 'COUNT', STEP);
    cursor = next;
    yield Array.from(
      { length: flat.length / 2 },
      (_, index) => [flat[2 * index]!, flat[2 * index + 1]!] as const,
    );
  } while (cursor !== '0');
}
