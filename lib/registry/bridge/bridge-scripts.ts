import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';

/** What the holder of the leader lease is told. */
export interface Held {
  /** Of the nodes; undefined where there are as many as it knows. */
  readonly ids: readonly string[] | undefined;
  /** Services that the directory must name, and does not. */
  readonly lost: readonly string[];
}

type LeaseOfAnother = readonly [leaseMs: number, nodes: number];

export function isOfAnother(answer: readonly [unknown, unknown]): answer is LeaseOfAnother {
  return typeof answer[0] === 'number';
}

/**
 * Take or renew the leader lease, and read for its holder what it asks for each second.
 *
 * KEYS  1 the lease   2 nodes   3 directory
 * ARGV  1 who   2 life of the lease (ms)   3 how many nodes it knows, '' to read their ids anyway
 *       4… services that the directory must name
 * Returns the ids of the nodes in a list of one, or an empty list where there are as many as it knows, and the services that the
 *   directory does not name; where another holds the lease, how long at least (ms, 1 or more), and how many nodes there are.
 *
 * One script, because the lease may pass to another between a look and a write, and because each second counts.
 */
export const lead = new Script<LeaseOfAnother | readonly [ids: readonly [string[]?], lost: string[]]>(
  'registry.lead',
  3,
  `${NEED}
need('GET', KEYS[1]) need('PTTL', KEYS[1]) need('SET', KEYS[1], ARGV[1])
need('HLEN', KEYS[2]) need('HKEYS', KEYS[2]) need('SISMEMBER', KEYS[3], 'a')
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return { math.max(1, redis.call('PTTL', KEYS[1])), redis.call('HLEN', KEYS[2]) }
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local isKnown = ARGV[3] ~= '' and redis.call('HLEN', KEYS[2]) == tonumber(ARGV[3])
local lost = {}
for at = 4, #ARGV do
  if redis.call('SISMEMBER', KEYS[3], ARGV[at]) == 0 then table.insert(lost, ARGV[at]) end
end
return { isKnown and {} or { redis.call('HKEYS', KEYS[2]) }, lost }
`,
);
