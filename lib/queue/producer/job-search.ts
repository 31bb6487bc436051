import type { RedisConnections } from '../../redis/redis-connections.js';
import { readDeadLetter, type DeadLetterText } from '../model/dead-letter.js';
import { readJob } from '../model/job-text.js';
import { timeOfId } from '../model/job-id.js';
import { locate, locateDead } from '../scripts/locate-scripts.js';
import { openPlaces, search } from '../scripts/producer-scripts.js';
import { asideNames, type QueueKeys } from '../model/queue-keys.js';

/** How often a job is looked for that has moved on each time. */
const MAX_TRIES = 5;

/** An element of a list or sorted set: its index when it was seen, from the head, and how many there were. */
export interface Found {
  readonly raw: string;
  readonly index: number;
  readonly length: number;
}

/** A job that was found by its id at a cost that does not follow the length of the queue. */
export interface Located extends Found {
  readonly state: 'waiting' | 'active' | 'delayed';
  readonly place: string;
}

/** Where a search continues: an index, and in a sorted set, whose indexes move, the element that was seen last. */
export interface Cursor {
  readonly index: number;
  readonly score?: string;
  readonly seen?: string;
}

/** Finds the text of a job by its id, in bounded steps. What that costs in all follows the length of the queue. */
export class JobSearch {
  /** How many of the dead letters have been looked at: see {@link deadAmong}. */
  private seenDead: number | undefined;

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
  ) {}

  /**
   * The dead letters of any of these jobs, oldest first, out of those that came since the call before; the first looks at
   * the newest thousand. It is for those of Hydra 1.x workers: of ours the outcomes are kept by id.
   */
  async deadAmong(ids: readonly string[]): Promise<DeadLetterText[]> {
    const { incomplete } = this.keys;
    const length = await this.redis.run('look for jobs', (redis) => redis.llen(incomplete));
    const from = Math.min(this.seenDead ?? Math.max(0, length - 1_000), length);
    const wanted = new Set(ids);
    const dead: DeadLetterText[] = [];
    await this.each(
      incomplete,
      ids,
      ({ raw }) => {
        const letter = readDeadLetter(raw);
        if (letter && wanted.has(letter.id)) dead.push(letter);
      },
      from,
    );
    this.seenDead = length;
    return dead;
  }

  /** Those of which a job waits, runs or is delayed. */
  async openAmong(ids: readonly string[]): Promise<Set<string>> {
    const { waiting, active } = await this.places();
    return this.among([...waiting, ...active, this.keys.delayed], ids);
  }

  /** Those of which a job runs. */
  async runningAmong(ids: readonly string[]): Promise<Set<string>> {
    return this.among((await this.places()).active, ids);
  }

  private async among(places: readonly string[], ids: readonly string[]): Promise<Set<string>> {
    const wanted = new Set(ids);
    const found = new Set<string>();
    for (const place of places) {
      await this.each(place, ids, ({ raw }) => {
        const id = readJob(raw)?.id;
        if (id !== undefined && wanted.has(id)) found.add(id);
      });
    }
    return found;
  }

  /** What the scripts that go through all that waits are given first. */
  get waitingKeys(): readonly string[] {
    const { waiting, high, patterns, returned, owners, ranked } = this.keys;
    return [waiting, high, patterns, returned, owners, ranked];
  }

  /** Where jobs wait, in the order in which they are taken, and where those are that run. */
  async places(): Promise<{ readonly waiting: readonly string[]; readonly active: readonly string[] }> {
    const { inProgress } = this.keys;
    const prefixes = [...asideNames(this.keys), this.keys.leases(''), this.keys.inbox('')];
    const [waits, runs] = await this.redis.run('list jobs', (redis) =>
      openPlaces.run(redis, [...this.waitingKeys, ...prefixes]),
    );
    return { waiting: waits, active: [inProgress, ...runs] };
  }

  /** From the head on: what is added meanwhile moves the rest towards the tail, so nothing is passed over. */
  async find(place: string, id: string): Promise<Found | undefined> {
    let hit: Found | undefined;
    await this.each(place, [id], (found) => {
      if (hit || readJob(found.raw)?.id !== id) return false;
      hit = found;
      return true;
    });
    return hit;
  }

  /**
   * Where a job is that this library added; undefined also where it is there and was not found: its producer's clock differed too
   * much from others', or it was added by another program. Then the places have to be searched.
   */
  async locate(id: string): Promise<Located | undefined> {
    const { inProgress, delayed, hints, ids } = this.keys;
    const [hint, taken] = await this.redis.run('look up a job', (redis) =>
      Promise.all([redis.hget(hints, id), redis.zscore(ids, id)]),
    );
    const [added, due] = hint?.split(' ') ?? [];
    const addedAt = timeOfId(id) ?? Number(added ?? -Number(taken));
    if (!(addedAt > 0)) return undefined;
    const prefixes = [...asideNames(this.keys), this.keys.leases(''), this.keys.inbox('')];
    const args = [...prefixes, JSON.stringify(id), new Date(addedAt).toISOString(), due ?? ''];
    const reply = await this.redis.run('look up a job', (redis) =>
      locate.run(redis, [...this.waitingKeys, inProgress, delayed, ...args]),
    );
    if (reply.length === 0 || readJob(reply[2])?.id !== id) return undefined;
    const [state, place, raw, index, length] = reply;
    return { state: state as Located['state'], place, raw, index, length };
  }

  /** The dead letter of a job, where its outcome is kept; as {@link locate}. */
  async locateDead(id: string): Promise<Found | undefined> {
    const { died, incomplete } = this.keys;
    const diedAt = await this.redis.run('look up a job', (redis) => redis.zscore(died, id));
    if (diedAt === null) return undefined;
    const args = [incomplete, JSON.stringify(id), new Date(Number(diedAt)).toISOString()];
    const reply = await this.redis.run('look up a job', (redis) => locateDead.run(redis, args));
    if (reply.length === 0 || readDeadLetter(reply[0])?.id !== id) return undefined;
    const [raw, index, length] = reply;
    return { raw, index, length };
  }

  /** Has a script act on a job, wherever it is among some places; see {@link act}. */
  async actOn(
    id: string,
    places: readonly string[],
    script: (place: string, found: Found) => Promise<number>,
  ): Promise<boolean> {
    const located = await this.locate(id);
    if (located && places.includes(located.place) && (await script(located.place, located)) === 1)
      return true;
    for (const place of places) {
      if (await this.act(place, id, (found) => script(place, found))) return true;
    }
    return false;
  }

  /**
   * Finds a job and has a script act on it, and looks for it again where the place moved so far meanwhile that the script
   * could not find it near where it was seen (-1); not for ever. Whether it was there.
   */
  async act(place: string, id: string, script: (found: Found) => Promise<number>): Promise<boolean> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const found = await this.find(place, id);
      const done = found ? await script(found) : 0;
      if (done >= 0) return done === 1;
    }
    return false;
  }

  /**
   * Goes through the elements of a list, a sorted set or a hash that may be of any of these jobs, until `see` gives true.
   *
   * @param ids none: all elements
   */
  async each(
    place: string,
    ids: readonly string[],
    see: (found: Found) => boolean | void,
    from = 0,
  ): Promise<void> {
    for (let at: Cursor = { index: from }; at.index >= 0;) {
      const { found, next } = await this.part(place, ids, at);
      for (const one of found) if (see(one) === true) return;
      at = next;
    }
  }

  /**
   * One step of that, and where to continue, at -1 when it was the last.
   *
   * @param pattern only jobs of this pattern; '' for all
   */
  async part(place: string, ids: readonly string[], { index, score = '', seen = '' }: Cursor, pattern = '') {
    const needles = ids.map((id) => JSON.stringify(id));
    const [next, length, upTo, last, ...flat] = await this.redis.run('look up a job', (redis) =>
      search.run(redis, [place, index, score, seen, pattern, ...needles]),
    );
    const found: Found[] = [];
    for (let i = 0; i < flat.length; i += 2) {
      found.push({ index: Number(flat[i]), raw: String(flat[i + 1]), length });
    }
    return { found, next: { index: next, score: upTo, seen: last } };
  }
}
