import type { RedisClient } from '../redis/redis-connections.js';
import { NEED } from '../redis/lua-need.js';
import { Script } from '../redis/script.js';

/** A key with a life, which one process at a time holds: what is done once for all is done by that one. */
export interface Lease {
  readonly key: string;
  /** Who holds it: an instance id. */
  readonly holder: string;
}

/**
 * Take a lease, or renew it.
 *
 * KEYS  1 the lease
 * ARGV  1 who   2 its life (ms)
 * Returns 0 where it is theirs now, else how long another has it at least (ms, 1 or more).
 *
 * One script, because the lease may pass to another between a look and a write: a process that was frozen would prolong, or
 * end, what is not its own any more.
 */
export const hold = new Script<number>(
  'registry.lease.hold',
  1,
  `${NEED}
need('SET', KEYS[1], ARGV[1])
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return math.max(1, redis.call('PTTL', KEYS[1])) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
`,
);

/**
 * Give a lease up, where it is still held.
 *
 * KEYS  1 the lease
 * ARGV  1 who
 * Returns the number of keys that were deleted.
 */
export const release = new Script<number>(
  'registry.lease.release',
  1,
  `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`,
);

/**
 * Takes or renews the lease, for so many milliseconds from now. Resolves with 0 where this holder has it, else with the
 * milliseconds after which it ends unless its holder renews it: there is no need to ask before. Rejects as the driver does.
 */
export async function holdLease(redis: RedisClient, { key, holder }: Lease, ms: number): Promise<number> {
  return hold.run(redis, [key, holder, ms]);
}

/** Lets another have it, whoever asks next; nothing happens where another has it already. Rejects as the driver does. */
export async function releaseLease(redis: RedisClient, { key, holder }: Lease): Promise<void> {
  await release.run(redis, [key, holder]);
}
