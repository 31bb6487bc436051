import {
  checkGroupName,
  checkStreamName,
  integer,
  refuseUnknown,
  type NamesOf,
  type ResolvedOptions,
} from '../../hydra-options.js';
import { decodeDeadLetter } from '../../protocol/dead-letter.js';
import type { Keys } from '../../protocol/keys.js';
import type { EntryFields } from '../../protocol/stream-entry.js';
import { timeOfId } from '../../protocol/stream-id.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { NOBODY } from '../scripts/group-lua.js';
import { redrive } from '../scripts/publish-scripts.js';
import { PAGE, read, type StreamEntry } from './stored-entry.js';

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

const OPTION_NAMES = { group: true, limit: true } satisfies NamesOf<DeadLetterOptions>;
const AT_ONCE = 100;
/** Letters that one script gives back: each is read and may be stored again, and may be large. */
const REDRIVEN_AT_ONCE = 25;

/** What groups gave up on. */
export class DeadLetters {
  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly options: ResolvedOptions,
  ) {}

  /** What a group gave up on, the oldest first. */
  async list<T = unknown>(stream: string, options: DeadLetterOptions = {}): Promise<DeadLetter<T>[]> {
    const { limit = PAGE } = options;
    const key = this.deadKey(stream, options);
    integer(`limit of the dead letters of "${stream}"`, limit, 1);
    const found = await this.redis.run(`read dead letters of ${stream}`, (redis) =>
      redis.xrange(key, '-', '+', 'COUNT', limit),
    );
    return found.flatMap(([id, fields]) => readDeadLetter<T>(id, fields));
  }

  /** See {@link StreamService.redrive}. */
  async redrive(
    stream: string,
    ids: readonly string[] | 'all',
    options: DeadLetterOptions = {},
  ): Promise<number> {
    const dead = this.deadKey(stream, options);
    const about = [this.keys.stream(stream), dead, options.group ?? this.options.service, NOBODY];
    return this.byPages(dead, ids, async (page) => {
      let count = 0;
      for (const some of inPages(page, REDRIVEN_AT_ONCE)) {
        count += await this.redis.run(`redrive dead letters of ${stream}`, (redis) =>
          redrive.run(redis, [...about, ...some]),
        );
      }
      return count;
    });
  }

  /** See {@link StreamService.removeDeadLetters}. */
  async remove(
    stream: string,
    ids: readonly string[] | 'all',
    options: DeadLetterOptions = {},
  ): Promise<number> {
    const dead = this.deadKey(stream, options);
    return this.byPages(dead, ids, (page) =>
      this.redis.run(`remove dead letters of ${stream}`, (redis) => redis.xdel(dead, ...page)),
    );
  }

  /** Has all of the ids worked on, some at a time, so that none keeps Redis from others for long. */
  private async byPages(
    dead: string,
    ids: readonly string[] | 'all',
    act: (page: readonly string[]) => Promise<number>,
  ): Promise<number> {
    let count = 0;
    for await (const page of ids === 'all' ? this.pages(dead) : inPages(ids)) count += await act(page);
    return count;
  }

  /** The ids of all that is there now: what dies again meanwhile is not given back a second time. */
  private async *pages(dead: string): AsyncGenerator<string[]> {
    const what = `read ${dead}`;
    const [newest] = await this.redis.run(what, (redis) => redis.xrevrange(dead, '+', '-', 'COUNT', 1));
    if (!newest) return;
    for (let start = '-'; ;) {
      const page = await this.redis.run(what, (redis) =>
        redis.xrange(dead, start, newest[0], 'COUNT', AT_ONCE),
      );
      if (page.length > 0) yield page.map(([id]) => id);
      if (page.length < AT_ONCE) return;
      start = `(${page.at(-1)![0]}`;
    }
  }

  /** @throws HydraError `BAD_OPTION` */
  private deadKey(stream: string, options: DeadLetterOptions): string {
    checkStreamName('the name of a stream', stream);
    refuseUnknown(`the dead letters of "${stream}"`, options, OPTION_NAMES);
    const group = checkGroupName(`group of "${stream}"`, options.group ?? this.options.service);
    return this.keys.ownStream(stream, 'dead', group);
  }
}

function* inPages(ids: readonly string[], size = AT_ONCE): Generator<readonly string[]> {
  for (let at = 0; at < ids.length; at += size) yield ids.slice(at, at + size);
}

function readDeadLetter<T>(id: string, wire: EntryFields): DeadLetter<T>[] {
  const letter = decodeDeadLetter(wire);
  if (!letter) return [];
  const { entryId, reason, attempts, fields } = letter;
  const entry = read<T>([entryId, [...fields]]);
  return [{ ...entry, id, entryId, reason, attempts, diedAt: new Date(timeOfId(id)) }];
}
