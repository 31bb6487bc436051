import { badOption, checkGroupName, checkStreamName, integer, refuseUnknown } from '../../hydra-options.js';
import { isStreamId } from '../../protocol/stream-id.js';
import type { Context } from '../../redis/context.js';
import { PAGE } from './stored-entry.js';
import { instanceOf, recordOf } from './stream-info.js';

/**
 * Who reads a group: an instance, or a program of somebody else.
 *
 * @publicApi
 */
export interface GroupConsumer {
  /** The id of the instance, or the name that another program has given. */
  readonly name: string;
  /** Entries that were delivered to it and that it has not acknowledged. */
  readonly pending: number;
  /** How long ago it last read, claimed or acknowledged, in milliseconds. */
  readonly idleMs: number;
}

/**
 * An entry that was delivered to a group and is not acknowledged.
 *
 * @publicApi
 */
export interface PendingEntry {
  /** Its id in the stream. */
  readonly id: string;
  /** Who has it, as in {@link GroupConsumer}; undefined where it waits behind another of its key, or for somebody to claim it. */
  readonly consumer: string | undefined;
  /** How long ago it was last delivered, in milliseconds. */
  readonly idleMs: number;
  /** How often it was delivered. */
  readonly deliveries: number;
}

/** Which pending entries are listed. @publicApi */
export interface PendingOptions {
  /** How many at most. @defaultValue 100 */
  readonly limit?: number;
  /** Those behind this one: the id of the last of a list, to go on behind it. @defaultValue from the oldest on */
  readonly after?: string;
}

interface Group {
  readonly stream: string;
  readonly group: string;
}

type Place = Pick<Context, 'redis' | 'keys'>;

/** See {@link StreamService.consumers}. */
export async function readConsumers({ redis, keys }: Place, of: Group): Promise<GroupConsumer[]> {
  const { stream, group } = checked(of);
  const found = await redis.run(`look at ${stream}`, (client) =>
    client.xinfo('CONSUMERS', keys.stream(stream), group),
  );
  const consumers = new Map<string, GroupConsumer>();
  for (const flat of found as unknown[][]) {
    const record = recordOf(flat);
    const name = instanceOf(String(record['name']));
    if (name === undefined) continue;
    const { pending = 0, idleMs = Infinity } = consumers.get(name) ?? {};
    consumers.set(name, {
      name,
      pending: pending + (record['pending'] as number),
      idleMs: Math.min(idleMs, record['idle'] as number),
    });
  }
  return [...consumers.values()].toSorted((a, b) => b.pending - a.pending || (a.name < b.name ? -1 : 1));
}

/** See {@link StreamService.pending}. */
export async function readPending(
  { redis, keys }: Place,
  of: Group,
  options: PendingOptions,
): Promise<PendingEntry[]> {
  const { stream, group } = checked(of);
  const what = `pending entries of "${stream}"`;
  refuseUnknown(what, options, { limit: true, after: true });
  const { limit = PAGE, after } = options;
  integer(`limit of ${what}`, limit, 1);
  if (after !== undefined && !isStreamId(after))
    throw badOption(`after of ${what}`, after, 'the id of an entry');
  const from = after === undefined ? '-' : `(${after}`;
  const found = await redis.run(`look at ${stream}`, (client) =>
    client.xpending(keys.stream(stream), group, from, '+', limit),
  );
  return (found as [id: string, consumer: string, idleMs: number, deliveries: number][]).map(
    ([id, consumer, idleMs, deliveries]) => ({ id, consumer: instanceOf(consumer), idleMs, deliveries }),
  );
}

/** @throws HydraError `BAD_OPTION` */
function checked({ stream, group }: Group): Group {
  return {
    stream: checkStreamName('the name of a stream', stream),
    group: checkGroupName(`group of "${stream}"`, group),
  };
}
