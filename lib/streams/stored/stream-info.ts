import type { Keys } from '../../protocol/keys.js';
import { compareIds, timeOfId } from '../../protocol/stream-id.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { QUEUED, NOBODY, UNORDERED } from '../scripts/group-lua.js';
import type { RawEntry } from './stored-entry.js';

/**
 * The progress of one group of a stream.
 *
 * @publicApi
 */
export interface GroupInfo {
  /** The group's name. */
  readonly name: string;
  /**
   * Entries of the stream that were not delivered to it yet; undefined when Redis does not know it, for example after
   * an XDEL.
   */
  readonly lag: number | undefined;
  /** Entries that were trimmed away before they were delivered to it, as far as its instances saw that. */
  readonly lostToTrim: number;
  /** Entries delivered and not acknowledged. */
  readonly pending: number;
  /** The number of its consumers, instances and foreign ones. */
  readonly consumers: number;
  /** The id of the last entry that was delivered to it. */
  readonly lastDeliveredId: string;
  /** When the oldest pending entry was published. */
  readonly oldestPendingAt: Date | undefined;
  /** How many dead letters it has. */
  readonly deadLetters: number;
}

/**
 * The length of a stream, and the progress of its groups.
 *
 * @publicApi
 */
export interface StreamInfo {
  /** How many entries it holds. */
  readonly length: number;
  /** The id of its first entry; undefined when it is empty. */
  readonly oldest: string | undefined;
  /** The id of its last entry; undefined when it is empty. */
  readonly newest: string | undefined;
  /** Its consumer groups. */
  readonly groups: readonly GroupInfo[];
}

/** Reads the length of a stream, and the progress of its groups. */
export async function readInfo(redis: RedisClient, keys: Keys, stream: string): Promise<StreamInfo> {
  const key = keys.stream(stream);
  if ((await redis.exists(key)) === 0) return { length: 0, oldest: undefined, newest: undefined, groups: [] };
  const [about, groups] = await Promise.all([redis.xinfo('STREAM', key), redis.xinfo('GROUPS', key)]);
  const record = recordOf(about as unknown[]);
  const extent: Extent = {
    length: record['length'] as number,
    oldest: (record['first-entry'] as RawEntry | null)?.[0],
    newest: (record['last-entry'] as RawEntry | null)?.[0],
    lastId: String(record['last-generated-id']),
  };
  const { lastId: _lastId, ...shown } = extent;
  const infos = (groups as unknown[][]).map((group) => groupInfo(redis, keys, { stream, extent }, group));
  return { ...shown, groups: await Promise.all(infos) };
}

interface Extent extends Omit<StreamInfo, 'groups'> {
  /** The id of the last entry that was ever added. */
  readonly lastId: string;
}

/** Consumer names that belong to no process. */
const STAND_INS = new Set([QUEUED, NOBODY]);

async function groupInfo(
  redis: RedisClient,
  keys: Keys,
  { stream, extent }: { readonly stream: string; readonly extent: Extent },
  about: readonly unknown[],
): Promise<GroupInfo> {
  const record = recordOf(about);
  const name = String(record['name']);
  const [summary, deadLetters, lost, consumers] = await Promise.all([
    redis.xpending(keys.stream(stream), name),
    redis.xlen(keys.ownStream(stream, 'dead', name)),
    redis.get(keys.ownStream(stream, 'lost', name)),
    redis.xinfo('CONSUMERS', keys.stream(stream), name),
  ]);
  const names = (consumers as unknown[][]).map((consumer) => instanceOf(String(recordOf(consumer)['name'])));
  const oldest = summary[1] as string | null;
  return {
    name,
    lag: lagOf(extent, String(record['last-delivered-id']), (record['lag'] as number | null) ?? undefined),
    lostToTrim: Number(lost ?? 0),
    pending: record['pending'] as number,
    consumers: new Set(names.filter((consumer) => consumer !== undefined)).size,
    lastDeliveredId: String(record['last-delivered-id']),
    oldestPendingAt: oldest ? new Date(timeOfId(oldest)) : undefined,
    deadLetters,
  };
}

/** Redis's own number still counts trimmed entries. The position of the group gives a better one. */
function lagOf({ length, oldest, lastId }: Extent, delivered: string, told?: number): number | undefined {
  if (delivered === lastId || length === 0) return 0;
  if (compareIds(delivered, oldest!) < 0) return length;
  return told === undefined ? undefined : Math.min(told, length);
}

/** Undefined for a name of no process. An instance has a second name for entries that it has read and not ordered yet. */
export function instanceOf(consumer: string): string | undefined {
  if (STAND_INS.has(consumer)) return undefined;
  return consumer.endsWith(UNORDERED) ? consumer.slice(0, -UNORDERED.length) : consumer;
}

/** `name, value, …` as an object. */
export function recordOf(flat: readonly unknown[]): Record<string, unknown> {
  const names = flat.flatMap((name, at) => (at % 2 === 0 ? [[String(name), flat[at + 1]] as const] : []));
  return Object.fromEntries(names);
}
