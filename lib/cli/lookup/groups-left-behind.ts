import type { HydraInstance } from '../../hydra-instance.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { scanKeys } from '../../redis/scan.js';
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

interface Found {
  readonly stream: string;
  /** A key of the group's own; undefined for the stream itself. */
  readonly key?: string;
  readonly isRead: boolean;
}

/** The parts of keys that are a group's own. */
const GROUPS_OWN = ['order', 'dead', 'watch', 'lost'];

/** Searches all keys of streams for the consumer groups with this name. */
export async function groupsLeftBehind(place: Place, group: string): Promise<GroupLeftBehind[]> {
  const { redis, keys } = place;
  // On a Cluster the name stands in braces.
  const prefix = keys.stream('').replace(/\{\}$/, '');
  const found: Found[] = [];
  await redis.run('look for consumer groups', async (client) => {
    for await (const some of scanKeys(client, prefix)) {
      const looks = some.map((key) => lookAt(client, key, { rest: key.slice(prefix.length), group }));
      for (const one of await Promise.all(looks)) if (one) found.push(one);
    }
  });
  const streams = [...new Set(found.map(({ stream }) => stream))];
  return Promise.all(
    streams.map(async (stream) => {
      const own = found.filter((one) => one.stream === stream);
      return {
        stream,
        keys: own.flatMap(({ key }) => key ?? []),
        isRead: own.some(({ isRead }) => isRead),
        elements: await elementsOf(place, stream, group),
      };
    }),
  );
}

/** The part of the group that a key is; undefined for other keys. */
async function lookAt(
  redis: RedisClient,
  key: string,
  { rest, group }: { readonly rest: string; readonly group: string },
): Promise<Found | undefined> {
  const [, stream, part, name = ''] = /^\{?([^:{}]+)\}?(?::([^:]+):(.*))?$/s.exec(rest) ?? [];
  if (stream === undefined) return undefined;
  if (part === undefined) return (await hasGroup(redis, key, group)) ? { stream, isRead: false } : undefined;
  if (GROUPS_OWN.includes(part) && name === group) return { stream, key, isRead: false };
  if (part !== 'consumer' || !name.startsWith(`${group}:`)) return undefined;
  return { stream, key, isRead: (await redis.get(key)) !== LEFT };
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
