import { integer, type ResolvedOptions } from '../hydra.options.js';
import { decodeDeadLetter } from '../protocol/dead-letter.js';
import type { Keys } from '../protocol/keys.js';
import type { EntryFields } from '../protocol/stream-entry.js';
import { timeOfId } from '../protocol/stream-id.js';
import type { RedisConnections } from '../redis/redis.connections.js';
import { UNLINED } from './group.lua.js';
import { redrive } from './publish.scripts.js';
import { PAGE, read, type StreamEntry } from './stored.entry.js';

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

const AT_ONCE = 100;
/** Redriven entries belong to nobody until an instance claims them, which is at once: no such instance is alive. */
export const NOBODY = '0'.repeat(32) + UNLINED;

/** What groups gave up on. */
export class DeadLetters {
  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly options: ResolvedOptions,
  ) {}

  /** What a group gave up on, the oldest first. */
  async list<T = unknown>(stream: string, options: DeadLetterOptions = {}): Promise<DeadLetter<T>[]> {
    const { group = this.options.service, limit = PAGE } = options;
    integer(`limit of the dead letters of "${stream}"`, limit, 1);
    const found = await this.redis.run(`read dead letters of ${stream}`, (redis) =>
      redis.xrange(this.deadKey(stream, group), '-', '+', 'COUNT', limit),
    );
    return found.flatMap(([id, fields]) => readDeadLetter<T>(id, fields));
  }

  /**
   * Gives dead letters back to their group, which handles them as if they were new; resolves with how many. They stand
   * outside the order of their key.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`, not retryable, with Redis's `NOGROUP` when the group does not exist
   */
  async redrive(
    stream: string,
    ids: readonly string[] | 'all',
    { group }: DeadLetterOptions = {},
  ): Promise<number> {
    const name = group ?? this.options.service;
    if (ids !== 'all') return this.redriveSome(stream, name, ids);
    let count = 0;
    for await (const page of this.pages(stream, name)) count += await this.redriveSome(stream, name, page);
    return count;
  }

  /** The ids of all that is there now: what dies again meanwhile is not given back a second time. */
  private async *pages(stream: string, group: string): AsyncGenerator<string[]> {
    const key = this.deadKey(stream, group);
    const what = `read dead letters of ${stream}`;
    const [newest] = await this.redis.run(what, (redis) => redis.xrevrange(key, '+', '-', 'COUNT', 1));
    if (!newest) return;
    for (let start = '-'; ;) {
      const page = await this.redis.run(what, (redis) =>
        redis.xrange(key, start, newest[0], 'COUNT', AT_ONCE),
      );
      if (page.length > 0) yield page.map(([id]) => id);
      if (page.length < AT_ONCE) return;
      start = `(${page.at(-1)![0]}`;
    }
  }

  private async redriveSome(stream: string, group: string, ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const args = [this.keys.stream(stream), this.deadKey(stream, group), group, NOBODY, ...ids];
    return this.redis.run(`redrive dead letters of ${stream}`, (redis) => redrive.run(redis, args));
  }

  private deadKey(stream: string, group: string): string {
    return this.keys.ownStream(stream, 'dead', group);
  }
}

function readDeadLetter<T>(id: string, wire: EntryFields): DeadLetter<T>[] {
  const letter = decodeDeadLetter(wire);
  if (!letter) return [];
  const { entryId, reason, attempts, fields } = letter;
  const entry = read<T>([entryId, [...fields]]);
  return [{ ...entry, id, entryId, reason, attempts, diedAt: new Date(timeOfId(id)) }];
}
