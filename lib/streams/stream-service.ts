import { HydraError } from '../hydra-error.js';
import {
  checkGroupName,
  checkStreamName,
  integer,
  refuseUnknown,
  type NamesOf,
  type StreamStart,
} from '../hydra-options.js';
import type { Metrics } from '../metrics/metrics.js';
import { encodeEntry } from '../protocol/stream-entry.js';
import type { Context } from '../redis/context.js';
import { published, publishing } from '../diagnostics/published-entry.js';
import { IgnorablePromises } from '../runtime/ignorable.js';
import type { RedisClient } from '../redis/redis-connections.js';
import { DeadEntries, type DeadEntry, type DeadLetterOptions } from './stored/dead-entries.js';
import { BATCH_SIZE } from './scripts/group-lua.js';
import { groupKeys } from './group/group-keys.js';
import { startPosition } from './entries/entry-handler.js';
import {
  readConsumers,
  readPending,
  type GroupConsumer,
  type PendingEntry,
  type PendingOptions,
} from './stored/group-details.js';
import { emptyGroup, removeGroup, replay } from './scripts/admin-scripts.js';
import { publishOnce } from './scripts/publish-scripts.js';
import {
  bound,
  PAGE,
  RANGE_NAMES,
  read,
  type RangeOptions,
  type StreamEntry,
} from './stored/stored-entry.js';
import { readInfo, type StreamInfo } from './stored/stream-info.js';

/**
 * Options of one publication.
 *
 * @publicApi
 */
export interface PublishOptions {
  /** The event's own id: published again with it within `streams.dedupMs`, the event is not stored twice. */
  readonly id?: string;
  /**
   * Trims the stream to about this many entries. Entries that a group has not read by then are lost for this group.
   * @defaultValue none
   */
  readonly maxLen?: number;
  /** The type of the event: a handler can be limited to one type. */
  readonly type?: string;
  /** Headers, which handlers read with `context.getMetadata()`. */
  readonly headers?: Readonly<Record<string, string>>;
}

interface Publication {
  readonly stream: string;
  readonly type: string | undefined;
  readonly fields: readonly string[];
}

const TRIM_NAMES = { maxLen: true, before: true } as const;
/** Entries that one command removes at most. */
const TRIM_STEP = 10_000;

const PUBLISH_NAMES = {
  id: true,
  maxLen: true,
  type: true,
  headers: true,
} satisfies NamesOf<PublishOptions>;

/**
 * Keeps the newest entries, or those from an id or a time on.
 *
 * @publicApi
 */
export type TrimOptions = { readonly maxLen: number } | { readonly before: string | Date };

/**
 * Publishes to streams, reads them back and administers them. Every method throws HydraError `REDIS_UNAVAILABLE` when
 * there is no connection to Redis within `connection.commandTimeoutMs`, or it broke under the command.
 *
 * @publicApi
 */
@IgnorablePromises
export class StreamService {
  private readonly dead: DeadEntries;

  constructor(
    private readonly context: Pick<
      Context,
      'id' | 'redis' | 'keys' | 'options' | 'clock' | 'log' | 'metrics'
    >,
  ) {
    this.dead = new DeadEntries(context);
  }

  /**
   * Stores an event for every group, and resolves with the entry's id once Redis has it.
   *
   * @throws HydraError `BAD_OPTION`, `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`; `REDIS_UNAVAILABLE`, and then it may have been stored: with an
   *   `id` it can be published again without harm
   */
  async publish(stream: string, data: unknown, options: PublishOptions = {}): Promise<string> {
    try {
      return await this.prepared(stream, data, options)();
    } catch (error) {
      // The promise may have no listener, so this must not be an unhandled rejection.
      this.context.log.warn('publish', `not published to ${JSON.stringify(stream)}: ${String(error)}`);
      throw error;
    }
  }

  /** A publication that is checked and encoded, to be made later. Throws as {@link publish}. @internal */
  prepared(stream: string, data: unknown, options: PublishOptions = {}): () => Promise<string> {
    checkStreamName('the name of a stream', stream);
    refuseUnknown(`a publication to "${stream}"`, options, PUBLISH_NAMES);
    const { id, maxLen = 0, type, headers } = options;
    integer(`maxLen of a publication to "${stream}"`, maxLen, 0);
    if (id === '') throw new HydraError('BAD_OPTION', `id of a publication to "${stream}" must not be empty`);
    const observed = publishing({ instanceId: this.context.id, stream, type, data }, headers);
    const fields = encodeEntry(
      stream,
      data,
      { type, metadata: observed?.headers ?? headers },
      this.context.options.maxPayloadBytes,
    );
    const key = this.context.keys.stream(stream);
    const store = async (redis: RedisClient) => {
      if (id !== undefined) {
        // The id may end like a key that Hydra 1.x scans for. The last part of the key prevents that.
        const mark = this.context.keys.ownStream(stream, 'id', id, 'entry');
        return publishOnce.run(redis, [key, mark, this.context.options.streams.dedupMs, maxLen, ...fields]);
      }
      const trim = maxLen > 0 ? ['MAXLEN', '~', String(maxLen)] : [];
      return (await redis.xadd(key, ...(trim as []), '*', ...fields))!;
    };
    const publish = () => this.context.redis.run(`publish to ${stream}`, store);
    const { clock, metrics } = this.context;
    const told = observed ? () => published(observed, publish, { clock, fields }) : publish;
    return metrics ? () => this.counted(metrics, { stream, type, fields }, told) : told;
  }

  private async counted(
    metrics: Metrics,
    { stream, type, fields }: Publication,
    publish: () => Promise<string>,
  ): Promise<string> {
    const { clock } = this.context;
    const startedAt = clock.monotonic();
    const series = metrics.entriesPublished.of(stream, type ?? '');
    metrics.encoded(
      'entry',
      fields.reduce((sum, { length }) => sum + length, 0),
    );
    try {
      const id = await publish();
      series.ended(clock.monotonic() - startedAt);
      return id;
    } catch (error) {
      series.ended(clock.monotonic() - startedAt, error);
      throw error;
    }
  }

  /**
   * One page of a stream. The next one begins `after` the last entry of this.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async range<T = unknown>(stream: string, options: RangeOptions = {}): Promise<StreamEntry<T>[]> {
    checkStreamName('the name of a stream', stream);
    refuseUnknown(`a range of "${stream}"`, options, RANGE_NAMES);
    const { from, to, after, limit = PAGE, reverse = false } = options;
    integer(`limit of a range of "${stream}"`, limit, 1);
    const behind = after === undefined ? undefined : `(${after}`;
    const start = (reverse ? undefined : behind) ?? bound(from, '-', '-0');
    const end = (reverse ? behind : undefined) ?? bound(to, '+', '-18446744073709551615');
    const key = this.context.keys.stream(stream);
    const found = await this.context.redis.run(`read ${stream}`, (redis) =>
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

  /**
   * The length of a stream, and the progress of each of its groups. A stream that does not exist is empty.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async info(stream: string): Promise<StreamInfo> {
    checkStreamName('the name of a stream', stream);
    return this.context.redis.run(`look at ${stream}`, (redis) => readInfo(redis, this.context.keys, stream));
  }

  /**
   * Who reads a group, those with the most pending entries first: instances, also some that are gone and were not cleared away
   * yet, and other programs.
   *
   * @throws HydraError `BAD_OPTION`; `REDIS_UNAVAILABLE`, not retryable, where there is no such stream or group
   */
  consumers(stream: string, group: string): Promise<GroupConsumer[]> {
    return readConsumers(this.context, { stream, group });
  }

  /**
   * A page of the entries that were delivered to a group and are not acknowledged, the oldest first.
   *
   * @throws HydraError `BAD_OPTION`; `REDIS_UNAVAILABLE`, not retryable, where there is no such stream or group
   */
  pending(stream: string, group: string, options: PendingOptions = {}): Promise<PendingEntry[]> {
    return readPending(this.context, { stream, group }, options);
  }

  /**
   * Removes the oldest entries, also those that no group has read. Resolves with how many.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async trim(stream: string, options: TrimOptions): Promise<number> {
    const key = this.context.keys.stream(checkStreamName('the name of a stream', stream));
    refuseUnknown(`a trim of "${stream}"`, options, TRIM_NAMES);
    const [how, limit] =
      'maxLen' in options
        ? (['MAXLEN', String(integer(`maxLen of a trim of "${stream}"`, options.maxLen, 0))] as const)
        : (['MINID', bound(options.before, '-', '-0')] as const);
    const what = `trim ${stream}`;
    let removed = 0;
    // First whole nodes of the stream, in steps, so that a long stream does not block Redis; then single entries.
    for (let some = 1; some > 0; removed += some)
      some = await this.context.redis.run(what, (redis) =>
        redis.xtrim(key, how as 'MINID', '~', limit, 'LIMIT', TRIM_STEP),
      );
    return removed + (await this.context.redis.run(what, (redis) => redis.xtrim(key, how as 'MINID', limit)));
  }

  /**
   * Moves a group to a position in the stream. Its instances begin there at once. Entries in progress stay in progress.
   *
   * @throws HydraError `BAD_OPTION`
   */
  async replay(stream: string, group: string, from: StreamStart): Promise<void> {
    checkStreamName('the name of a stream', stream);
    checkGroupName(`group of "${stream}"`, group);
    const position = startPosition(stream, from);
    const args = [this.context.keys.stream(stream), group, position];
    await this.context.redis.run(`replay ${stream}`, (redis) => replay.run(redis, args));
  }

  /**
   * The dead letters of a group, the oldest first.
   *
   * @throws HydraError `BAD_OPTION`
   */
  deadLetters<T = unknown>(stream: string, options: DeadLetterOptions = {}): Promise<DeadEntry<T>[]> {
    return this.dead.list<T>(stream, options);
  }

  /**
   * Gives dead letters back to their group, which handles them as new entries, outside the order of their key. Resolves
   * with how many. A letter whose entry is in flight again, after a `replay`, stays a letter.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`, not retryable, with Redis's `NOGROUP` when the group does not exist
   */
  redrive(stream: string, ids: readonly string[] | 'all', options: DeadLetterOptions = {}): Promise<number> {
    return this.dead.redrive(stream, ids, options);
  }

  /**
   * Deletes dead letters permanently; resolves with how many.
   *
   * @throws HydraError `BAD_OPTION`
   */
  removeDeadLetters(
    stream: string,
    ids: readonly string[] | 'all',
    options: DeadLetterOptions = {},
  ): Promise<number> {
    return this.dead.remove(stream, ids, options);
  }

  /**
   * Deletes a group that no instance reads any more, with its dead letters. Resolves with false when nothing of it
   * existed.
   *
   * @throws HydraError `BAD_OPTION`, also while an instance reads it, which would make it again
   */
  async removeGroup(stream: string, group: string): Promise<boolean> {
    checkStreamName('the name of a stream', stream);
    checkGroupName(`group of "${stream}"`, group);
    const { redis, keys } = this.context;
    const { stream: key, order, dead, watch, lost, heartbeats } = groupKeys(keys, { stream, group });
    const what = `remove group ${group} of ${stream}`;
    const args = [key, order, dead, watch, lost, group, heartbeats];
    let emptied = 0;
    for (let some = 1; some > 0; emptied += some) {
      some = await redis.run(what, (client) => emptyGroup.run(client, [...args, BATCH_SIZE]));
    }
    const outcome = await redis.run(what, (client) =>
      removeGroup.run(client, [...args, emptied > 0 ? '1' : '0']),
    );
    if (outcome >= 0) return outcome === 1;
    throw new HydraError(
      'BAD_OPTION',
      `group "${group}" of "${stream}" is read by an instance: stop it first`,
    );
  }
}
