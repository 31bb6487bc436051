import type { ResolvedOptions, StreamStart } from '../hydra.options.js';
import { decodeDeadLetter } from '../protocol/dead-letter.js';
import type { Keys } from '../protocol/keys.js';
import { decodeEntry, encodeEntry, type EntryFields } from '../protocol/stream-entry.js';
import { timeOfId } from '../protocol/stream-id.js';
import type { RedisClient, RedisConnections } from '../redis/redis.connections.js';
import { startPosition } from './entry.handler.js';
import { UNLINED } from './group.lua.js';
import { publishOnce, redrive, replay } from './publish.scripts.js';

/** @publicApi */
export interface PublishOptions {
  /** The event's own id: published again with it within `streams.dedupMs`, the event is not stored twice. */
  readonly id?: string;
  /** Trims the stream to about this many entries. What a group has not read by then is lost to it. @defaultValue none */
  readonly maxLen?: number;
  /** What kind of event it is: handlers can ask for one kind. */
  readonly type?: string;
  /** What handlers read with `context.getMetadata()`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One entry, read back. @publicApi */
export interface StreamEntry<T = unknown> {
  readonly id: string;
  readonly data: T;
  readonly type: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly publishedAt: Date;
}

/** @publicApi */
export interface RangeOptions {
  /** The first one: an entry's id or a time. @defaultValue the oldest */
  readonly from?: string | Date;
  /** The last one: an entry's id or a time. @defaultValue the newest */
  readonly to?: string | Date;
  /** Goes on behind this entry: the last one of the page before. */
  readonly after?: string;
  /** Entries in a page. @defaultValue 100 */
  readonly limit?: number;
  /** From the newest to the oldest. @defaultValue false */
  readonly reverse?: boolean;
}

/** @publicApi */
export interface GroupInfo {
  readonly name: string;
  /** Entries not delivered to it yet; undefined when Redis cannot tell, as after a trim. */
  readonly lag: number | undefined;
  /** Entries delivered and not acknowledged. */
  readonly pending: number;
  /** Instances and foreign readers that take part. */
  readonly consumers: number;
  readonly lastDeliveredId: string;
  /** When the oldest pending entry was published. */
  readonly oldestPendingAt: Date | undefined;
  readonly deadLetters: number;
}

/** @publicApi */
export interface StreamInfo {
  readonly length: number;
  readonly oldest: string | undefined;
  readonly newest: string | undefined;
  readonly groups: readonly GroupInfo[];
}

/** Keeps the newest entries, or those from an id or a time on. @publicApi */
export type TrimOptions = { readonly maxLen: number } | { readonly before: string | Date };

/** @publicApi */
export interface DeadLetter<T = unknown> extends Omit<StreamEntry<T>, 'id'> {
  /** Its id as a dead letter: what `redrive` takes. */
  readonly id: string;
  /** The id of the entry it was. */
  readonly entryId: string;
  readonly reason: string;
  readonly attempts: number;
  readonly diedAt: Date;
}

/** @publicApi */
export interface DeadLetterOptions {
  /** @defaultValue this service's name */
  readonly group?: string;
  /** @defaultValue 100 */
  readonly limit?: number;
}

type RawEntry = readonly [id: string, fields: string[]];

const PAGE = 100;
const AT_ONCE = 100;
/** Redriven entries belong to nobody until an instance claims them, which is at once: no such instance is alive. */
const NOBODY = '0'.repeat(32) + UNLINED;

/**
 * Publishes to streams, reads them back and looks after them. Every method throws HydraError `REDIS_UNAVAILABLE` when
 * there is no connection to Redis within `connection.commandTimeoutMs`, or it broke under the command.
 *
 * @publicApi
 */
export class StreamService {
  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly options: ResolvedOptions,
  ) {}

  /**
   * Stores an event for every group, and resolves with the entry's id once Redis has it.
   *
   * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`; `REDIS_UNAVAILABLE`, and then it may have been stored: with an
   *   `id` it can be published again without harm
   */
  async publish(stream: string, data: unknown, options: PublishOptions = {}): Promise<string> {
    const { id, maxLen = 0, type, headers } = options;
    const fields = encodeEntry(stream, data, { type, metadata: headers }, this.options.maxPayloadBytes);
    const key = this.keys.stream(stream);
    return this.redis.run(`publish to ${stream}`, async (redis) => {
      if (id !== undefined) {
        const mark = this.keys.ownStream(stream, 'id', id);
        return publishOnce.run(redis, [key, mark, this.options.streams.dedupMs, maxLen, ...fields]);
      }
      const trim = maxLen > 0 ? ['MAXLEN', '~', String(maxLen)] : [];
      return (await redis.xadd(key, ...(trim as []), '*', ...fields))!;
    });
  }

  /** One page of a stream. The next one begins `after` the last entry of this. */
  async range<T = unknown>(stream: string, options: RangeOptions = {}): Promise<StreamEntry<T>[]> {
    const { from, to, after, limit = PAGE, reverse = false } = options;
    const behind = after === undefined ? undefined : `(${after}`;
    const start = (reverse ? undefined : behind) ?? bound(from, '-', '-0');
    const end = (reverse ? behind : undefined) ?? bound(to, '+', '-18446744073709551615');
    const key = this.keys.stream(stream);
    const found = await this.redis.run(`read ${stream}`, (redis) =>
      reverse
        ? redis.xrevrange(key, end, start, 'COUNT', limit)
        : redis.xrange(key, start, end, 'COUNT', limit),
    );
    return found.map((entry) => read<T>(entry));
  }

  /** All entries of a range, read page by page as they are asked for. */
  async *entries<T = unknown>(stream: string, options: RangeOptions = {}): AsyncGenerator<StreamEntry<T>> {
    let { after } = options;
    const { limit = PAGE } = options;
    for (;;) {
      const page = await this.range<T>(stream, { ...options, ...(after !== undefined && { after }) });
      yield* page;
      if (page.length < limit) return;
      after = page.at(-1)!.id;
    }
  }

  /** How long a stream is, and how far each of its groups has come. A stream that does not exist is empty. */
  async info(stream: string): Promise<StreamInfo> {
    const key = this.keys.stream(stream);
    return this.redis.run(`look at ${stream}`, async (redis) => {
      if ((await redis.exists(key)) === 0)
        return { length: 0, oldest: undefined, newest: undefined, groups: [] };
      const [about, groups] = await Promise.all([redis.xinfo('STREAM', key), redis.xinfo('GROUPS', key)]);
      const record = recordOf(about as unknown[]);
      return {
        length: record['length'] as number,
        oldest: (record['first-entry'] as RawEntry | null)?.[0],
        newest: (record['last-entry'] as RawEntry | null)?.[0],
        groups: await Promise.all(
          (groups as unknown[][]).map((group) => this.groupInfo(redis, stream, group)),
        ),
      };
    });
  }

  /** Removes the oldest entries, read or not; resolves with how many. */
  async trim(stream: string, options: TrimOptions): Promise<number> {
    const key = this.keys.stream(stream);
    return this.redis.run(`trim ${stream}`, (redis) =>
      'maxLen' in options
        ? redis.xtrim(key, 'MAXLEN', options.maxLen)
        : redis.xtrim(key, 'MINID', bound(options.before, '-', '-0')),
    );
  }

  /**
   * Has a group handle the stream again from a point on, at once; what it has in hand stays there.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async replay(stream: string, group: string, from: StreamStart): Promise<void> {
    const position = startPosition(stream, from);
    const args = [this.keys.stream(stream), group, position];
    await this.redis.run(`replay ${stream}`, (redis) => replay.run(redis, args));
  }

  /** What a group gave up on, the oldest first. */
  async deadLetters<T = unknown>(stream: string, options: DeadLetterOptions = {}): Promise<DeadLetter<T>[]> {
    const { group = this.options.service, limit = PAGE } = options;
    const found = await this.redis.run(`read dead letters of ${stream}`, (redis) =>
      redis.xrange(this.deadKey(stream, group), '-', '+', 'COUNT', limit),
    );
    return found.flatMap(([id, fields]) => readDeadLetter<T>(id, fields));
  }

  /**
   * Gives dead letters back to their group, which handles them as if they were new; resolves with how many. They stand
   * outside the order of their key.
   *
   * @throws ReplyError `NOGROUP` when the group does not exist
   */
  async redrive(
    stream: string,
    ids: readonly string[] | 'all',
    { group }: DeadLetterOptions = {},
  ): Promise<number> {
    const name = group ?? this.options.service;
    if (ids !== 'all') return this.redriveSome(stream, name, ids);
    let count = 0;
    for (;;) {
      const letters = await this.deadLetters(stream, { group: name, limit: AT_ONCE });
      if (letters.length === 0) return count;
      count += await this.redriveSome(
        stream,
        name,
        letters.map(({ id }) => id),
      );
    }
  }

  private async redriveSome(stream: string, group: string, ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const args = [this.keys.stream(stream), this.deadKey(stream, group), group, NOBODY, ...ids];
    return this.redis.run(`redrive dead letters of ${stream}`, (redis) => redrive.run(redis, args));
  }

  private async groupInfo(redis: RedisClient, stream: string, about: readonly unknown[]): Promise<GroupInfo> {
    const record = recordOf(about);
    const name = String(record['name']);
    const [summary, deadLetters] = await Promise.all([
      redis.xpending(this.keys.stream(stream), name),
      redis.xlen(this.deadKey(stream, name)),
    ]);
    const oldest = summary[1] as string | null;
    return {
      name,
      lag: (record['lag'] as number | null) ?? undefined,
      pending: record['pending'] as number,
      consumers: record['consumers'] as number,
      lastDeliveredId: String(record['last-delivered-id']),
      oldestPendingAt: oldest ? new Date(timeOfId(oldest)) : undefined,
      deadLetters,
    };
  }

  private deadKey(stream: string, group: string): string {
    return this.keys.ownStream(stream, 'dead', group);
  }
}

/** An id as it is, or the first or last one that a time can have. */
function bound(at: string | Date | undefined, open: string, sequence: string): string {
  return at instanceof Date ? `${at.getTime()}${sequence}` : (at ?? open);
}

function read<T>([id, fields]: RawEntry): StreamEntry<T> {
  const { data, type, metadata } = decodeEntry(fields, (base64) => Buffer.from(base64, 'base64'));
  return { id, data: data as T, type, metadata, publishedAt: new Date(timeOfId(id)) };
}

function readDeadLetter<T>(id: string, wire: EntryFields): DeadLetter<T>[] {
  const letter = decodeDeadLetter(wire);
  if (!letter) return [];
  const { entryId, reason, attempts, fields } = letter;
  const entry = read<T>([entryId, [...fields]]);
  return [{ ...entry, id, entryId, reason, attempts, diedAt: new Date(timeOfId(id)) }];
}

function recordOf(flat: readonly unknown[]): Record<string, unknown> {
  const names = flat.flatMap((name, at) => (at % 2 === 0 ? [[String(name), flat[at + 1]] as const] : []));
  return Object.fromEntries(names);
}
