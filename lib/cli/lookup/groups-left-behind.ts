import type { RedisClient } from '../../redis/redis-connections.js';
import { scanKeys } from '../../redis/scan.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { LEFT } from '../../streams/scripts/group-lua.js';

/** What a consumer group left in one stream. */
export interface GroupLeftBehind {
  readonly stream: string;
  /** Its keys beside the stream. */
  readonly keys: readonly string[];
  /** Entries that were delivered and not acknowledged, and dead letters. */
  readonly elements: number;
  /** Whether an instance reads it. */
  readonly isRead: boolean;
}

type Place = Pick<HydraInstance, 'redis' | 'keys'>;

/** The part of a key behind the stream's name, for the keys that are a group's own. */
const GROUPS_OWN = ['order', 'dead', 'watch', 'lost'];

/** Looks at all keys of streams for the consumer groups of that name. */
export async function groupsLeftBehind(place: Place, group: string): Promise<GroupLeftBehind[]> {
  const { redis, keys } = place;
  // On a Cluster the name stands in braces.
  const prefix = keys.stream('').replace(/\{\}$/, '');
  const found = new Map<string, { keys: string[]; isRead: boolean }>();
  const of = (stream: string) => {
    const known = found.get(stream) ?? { keys: [], isRead: false };
    found.set(stream, known);
    return known;
  };
  await redis.run('look for consumer groups', async (client) => {
    for await (const some of scanKeys(client, prefix)) {
      for (const key of some) {
        const [, stream, part, rest = ''] =
          /^\{?([^:{}]+)\}?(?::([^:]+):(.*))?$/s.exec(key.slice(prefix.length)) ?? [];
        if (stream === undefined) continue;
        if (part === undefined && (await hasGroup(client, key, group))) of(stream);
        if (GROUPS_OWN.includes(part ?? '') && rest === group) of(stream).keys.push(key);
        if (part !== 'consumer' || !rest.startsWith(`${group}:`)) continue;
        const known = of(stream);
        known.keys.push(key);
        known.isRead ||= (await client.get(key)) !== LEFT;
      }
    }
  });
  return Promise.all(
    [...found].map(async ([stream, about]) => ({
      stream,
      ...about,
      elements: await elementsOf(place, stream, group),
    })),
  );
}

async function hasGroup(redis: RedisClient, key: string, group: string): Promise<boolean> {
  if ((await redis.type(key)) !== 'stream') return false;
  const groups = (await redis.xinfo('GROUPS', key)) as unknown[][];
  return groups.some((about) => about[1] === group);
}

async function elementsOf({ redis, keys }: Place, stream: string, group: string): Promise<number> {
  return redis.run('count what a group left', async (client) => {
    const isThere = await hasGroup(client, keys.stream(stream), group);
    const [pending] = isThere ? ((await client.xpending(keys.stream(stream), group)) as [number]) : [0];
    return pending + (await client.xlen(keys.ownStream(stream, 'dead', group)));
  });
}
