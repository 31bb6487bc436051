import { decodeNode } from '../../protocol/records.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { scanHash, scanKeys } from '../../redis/scan.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { groupsLeftBehind, type GroupLeftBehind } from './groups-left-behind.js';

/** Keys of one kind. */
export interface Part {
  readonly what: string;
  readonly keys: number;
  /** The number of jobs, documents or lines in all these keys. */
  readonly elements: number;
}

/** Everything that Redis contains of a service. */
export interface LeftBehind {
  /** Ids of instances that are alive. */
  readonly alive: readonly string[];
  readonly keys: readonly string[];
  /** Ids of its instances in the hash that all services share. */
  readonly nodes: readonly string[];
  /** Consumer groups with its name. */
  readonly groups: readonly GroupLeftBehind[];
  readonly parts: readonly Part[];
  readonly isNothing: boolean;
}

type Place = Pick<HydraInstance, 'redis' | 'keys'>;

const SIZES: Readonly<Record<string, (redis: RedisClient, key: string) => Promise<number>>> = {
  list: (redis, key) => redis.llen(key),
  hash: (redis, key) => redis.hlen(key),
  set: (redis, key) => redis.scard(key),
  zset: (redis, key) => redis.zcard(key),
};

/** Reads all keys of the database. Streams belong to no service, but its consumer groups in them do. */
export async function leftBehind({ redis, keys }: Place, service: string): Promise<LeftBehind> {
  const prefix = keys.own(service, '');
  const found: string[] = [];
  const counts = new Map<string, { keys: number; elements: number }>();
  await redis.run('look for keys', async (client) => {
    for await (const some of scanKeys(client, prefix)) {
      found.push(...some);
      const sizes = await Promise.all(some.map((key) => sizeOf(client, key)));
      for (const [index, key] of some.entries())
        count(counts, kindOf(key.slice(prefix.length)), sizes[index]!);
    }
  });
  const nodes = await redis.run('look for instances', (client) => nodesOf(client, keys.nodes, service));
  if (nodes.length > 0) counts.set('instances', { keys: 0, elements: nodes.length });
  const groups = await groupsLeftBehind({ redis, keys }, service);
  for (const { stream, keys: own, elements } of groups)
    counts.set(`group in stream ${stream}`, { keys: own.length, elements });
  const isPresent = (key: string) => /^[^:]+:presence$/.test(key.slice(prefix.length));
  return {
    alive: found.filter(isPresent).map((key) => key.slice(prefix.length).split(':')[0]!),
    ...{ keys: found, nodes, groups },
    parts: [...counts]
      .map(([what, sums]) => ({ what, ...sums }))
      .toSorted((a, b) => (a.what < b.what ? -1 : 1)),
    isNothing: found.length === 0 && nodes.length === 0 && groups.length === 0,
  };
}

async function sizeOf(redis: RedisClient, key: string): Promise<number> {
  const size = SIZES[await redis.type(key)];
  return size ? size(redis, key) : 1;
}

/** By the part of a key after the service. */
function kindOf(rest: string): string {
  const [first = '', second = ''] = rest.split(':');
  if (first === 'configs' || first === 'config') return 'configurations';
  if (first === 'queue') return `queue ${second}`;
  if (first.startsWith('mq')) return 'queue default';
  return rest.endsWith(':log') ? 'logs' : 'registry';
}

function count(
  counts: Map<string, { keys: number; elements: number }>,
  what: string,
  elements: number,
): void {
  const before = counts.get(what) ?? { keys: 0, elements: 0 };
  counts.set(what, { keys: before.keys + 1, elements: before.elements + elements });
}

async function nodesOf(redis: RedisClient, key: string, service: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const entries of scanHash(redis, key)) {
    for (const [id, text] of entries) if (decodeNode(text)?.service === service) ids.push(id);
  }
  return [...new Set(ids)];
}
