import {
  badOption,
  checkGroupName,
  checkStreamName,
  integer,
  refuseUnknown,
  type NamesOf,
} from '../../hydra-options.js';
import { decodeDeadLetter } from '../../protocol/dead-letter.js';
import type { EntryFields } from '../../protocol/stream-entry.js';
import { isStreamId, timeOfId } from '../../protocol/stream-id.js';
import type { Context } from '../../redis/context.js';
import { groupKeys } from '../group/group-keys.js';
import { NOBODY } from '../scripts/group-lua.js';
import { redrive } from '../scripts/admin-scripts.js';
import { PAGE, read, type StreamEntry } from './stored-entry.js';

/**
 * A dead letter: an entry that failed permanently in a group, with the reason.
 *
 * @publicApi
 */
export interface DeadEntry<T = unknown> extends Omit<StreamEntry<T>, 'id'> {
  /** Its id as a dead letter: what `redrive` takes. */
  readonly id: string;
  /** The id of the entry it was. */
  readonly entryId: string;
  /** The last error, or that its consumers died with it. */
  readonly reason: string;
  /** How many attempts were begun. */
  readonly attempts: number;
  /** When it became a dead letter, by the clock of Redis. */
  readonly diedAt: Date;
}

/**
 * Selects dead letters of a stream.
 *
 * @publicApi
 */
export interface DeadLetterOptions {
  /** The group of the dead letters. @defaultValue this service's name */
  readonly group?: string;
  /** How many are listed at most. @defaultValue 100 */
  readonly limit?: number;
  /** Lists those behind this one: the id of the last of a list, to go on behind it. @defaultValue from the oldest on */
  readonly after?: string;
}

const OPTION_NAMES = { group: true, limit: true, after: true } satisfies NamesOf<DeadLetterOptions>;
const BATCH_SIZE = 100;
/** Letters that one script gives back: each is read and may be stored again, and may be large. */
const REDRIVE_BATCH_SIZE = 25;

/** The dead letters of groups. */
export class DeadEntries {
  constructor(private readonly context: Pick<Context, 'redis' | 'keys' | 'options'>) {}

  /** The dead letters of a group, the oldest first. */
  async list<T = unknown>(stream: string, options: DeadLetterOptions = {}): Promise<DeadEntry<T>[]> {
    const { limit = PAGE, after } = options;
    const key = this.deadKey(stream, options);
    integer(`limit of the dead letters of "${stream}"`, limit, 1);
    if (after !== undefined && !isStreamId(after))
      throw badOption(`after of the dead letters of "${stream}"`, after, 'the id of a dead letter');
    const from = after === undefined ? '-' : `(${after}`;
    const found = await this.context.redis.run(`read dead letters of ${stream}`, (redis) =>
      redis.xrange(key, from, '+', 'COUNT', limit),
    );
    return found.flatMap(([id, fields]) => readDeadEntry<T>(id, fields));
  }

  /** See {@link StreamService.redrive}. */
  async redrive(
    stream: string,
    ids: readonly string[] | 'all',
    options: DeadLetterOptions = {},
  ): Promise<number> {
    const dead = this.deadKey(stream, options);
    const group = options.group ?? this.context.options.service;
    const names = groupKeys(this.context.keys, { stream, group });
    const about = [names.stream, dead, group, NOBODY, names.heartbeats];
    return this.byPages(dead, ids, async (page) => {
      let count = 0;
      for (const some of inPages(page, REDRIVE_BATCH_SIZE)) {
        count += await this.context.redis.run(`redrive dead letters of ${stream}`, (redis) =>
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
      this.context.redis.run(`remove dead letters of ${stream}`, (redis) => redis.xdel(dead, ...page)),
    );
  }

  /** Handles all ids in steps, so that no step blocks Redis for long. */
  private async byPages(
    dead: string,
    ids: readonly string[] | 'all',
    act: (page: readonly string[]) => Promise<number>,
  ): Promise<number> {
    let count = 0;
    for await (const page of ids === 'all' ? this.pages(dead) : inPages(ids)) count += await act(page);
    return count;
  }

  /**
   * The ids of all present letters: an entry that becomes a dead letter again meanwhile is not given back a second
   * time.
   */
  private async *pages(dead: string): AsyncGenerator<string[]> {
    const what = `read ${dead}`;
    const [newest] = await this.context.redis.run(what, (redis) =>
      redis.xrevrange(dead, '+', '-', 'COUNT', 1),
    );
    if (!newest) return;
    for (let start = '-'; ;) {
      const page = await this.context.redis.run(what, (redis) =>
        redis.xrange(dead, start, newest[0], 'COUNT', BATCH_SIZE),
      );
      if (page.length > 0) yield page.map(([id]) => id);
      if (page.length < BATCH_SIZE) return;
      start = `(${page.at(-1)![0]}`;
    }
  }

  /** @throws HydraError `BAD_OPTION` */
  private deadKey(stream: string, options: DeadLetterOptions): string {
    checkStreamName('the name of a stream', stream);
    refuseUnknown(`the dead letters of "${stream}"`, options, OPTION_NAMES);
    const group = checkGroupName(`group of "${stream}"`, options.group ?? this.context.options.service);
    return this.context.keys.ownStream(stream, 'dead', group);
  }
}

function* inPages(ids: readonly string[], size = BATCH_SIZE): Generator<readonly string[]> {
  for (let at = 0; at < ids.length; at += size) yield ids.slice(at, at + size);
}

function readDeadEntry<T>(id: string, wire: EntryFields): DeadEntry<T>[] {
  const letter = decodeDeadLetter(wire);
  if (!letter) return [];
  const { entryId, reason, attempts, fields } = letter;
  const entry = read<T>([entryId, [...fields]]);
  return [{ ...entry, id, entryId, reason, attempts, diedAt: new Date(timeOfId(id)) }];
}
