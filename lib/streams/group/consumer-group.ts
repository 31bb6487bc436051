import type { Keys } from '../../protocol/keys.js';
import { idBefore } from '../../protocol/stream-id.js';
import { BlockingConnection } from '../../redis/blocking-connection.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import type { Script } from '../../redis/script.js';
import { Entry } from '../entries/entry.js';
import { BESIDE_MS, STEP, UNLINED, type WireEntry } from '../scripts/group-lua.js';
import { lineUp, mendLines } from '../scripts/ordering-scripts.js';
import { adopt, ensureGroup, leave, sweep, tidy } from '../scripts/consumer-scripts.js';
import {
  NOTHING,
  type Buried,
  type Claimed,
  type Ended,
  type LinedUp,
  type Membership,
  type Swept,
} from './consumer-config.js';
import { acknowledge, begin, bury, findLost } from '../scripts/outcome-scripts.js';

type XReadReply =
  readonly [stream: string, entries: readonly (readonly [id: string, fields: string[]])[]][] | null;

/** An instance that has left says so for this many lives. */
const SAYS_SO = 100;

/** One instance's part in one consumer group: every command that this takes, and nothing else. */
export class ConsumerGroup {
  private readonly streamKey: string;
  private readonly orderKey: string;
  private readonly signKey: string;
  private readonly deadKey: string;
  private readonly watchKey: string;
  private readonly lostKey: string;
  private readonly blocking: BlockingConnection;
  private position: string;
  /** Whether the group was seen at that position. */
  private isSeen = false;
  /** Entries taken in one life of this consumer are its own for as long as the sign of that life stands. */
  private life = '';
  /** When the sign of that life ends, if it is not renewed. */
  private aliveUntil = 0;
  private lives = 0;
  /** Where the next look at what others than instances of ours hold begins, and at lines that stand still. */
  private idleFrom = '-';
  private linesFrom = '-';

  constructor(
    readonly membership: Membership,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
  ) {
    const { stream, group, consumer, from } = membership;
    this.streamKey = keys.stream(stream);
    this.orderKey = keys.ownStream(stream, 'order', group);
    this.signKey = keys.ownStream(stream, 'consumer', group, consumer);
    this.deadKey = keys.ownStream(stream, 'dead', group);
    this.watchKey = keys.ownStream(stream, 'watch', group);
    this.lostKey = keys.ownStream(stream, 'lost', group);
    this.blocking = new BlockingConnection(redis);
    this.position = from;
  }

  /** Makes the group if it is not there: at first where it is to begin, later where this instance last saw it. */
  async ensure(): Promise<boolean> {
    const { stream, group } = this.membership;
    const args = [this.streamKey, this.orderKey, group, this.position, this.isSeen ? '1' : '0'];
    const made = await this.redis.run(`join group ${group} of ${stream}`, (redis) =>
      ensureGroup.run(redis, args),
    );
    return made === 1;
  }

  /** Waits for new entries, `blockMs` at most. */
  async read(count: number, blockMs: number): Promise<Entry[]> {
    const { stream, group, consumer, isOrdered } = this.membership;
    const name = isOrdered ? consumer + UNLINED : consumer;
    // That of the command, not of its answer: there may be a standstill in between.
    const { life } = this;
    const reply = (await this.blocking.run(`read ${stream}`, blockMs, (redis) =>
      redis.xreadgroup(
        'GROUP',
        group,
        name,
        'COUNT',
        count,
        'BLOCK',
        blockMs,
        'STREAMS',
        this.streamKey,
        '>',
      ),
    )) as XReadReply;
    const found = reply?.[0]?.[1] ?? [];
    return found.map(([id, fields]) => new Entry(stream, group, id, fields, life));
  }

  /** Says the keys of entries, those that others have read among them, and learns their places. */
  async lineUp(entries: readonly Entry[], tellOthers: boolean): Promise<LinedUp> {
    const { stream, group, consumer } = this.membership;
    const args = [
      tellOthers ? '1' : '0',
      ...entries.flatMap(({ owner = consumer, id, key }) => [owner, id, key]),
    ];
    const [places, inLine, others] = await this.run('line up', lineUp, args);
    const unsaid = others.map(
      ([owner, id, fields]) => new Entry(stream, group, id, fields, this.life, 0, owner),
    );
    return { places, inLine, others: unsaid };
  }

  /** Resolves with the entries whose turn has come, and how many were this consumer's no more. */
  async acknowledge(entries: readonly Entry[]): Promise<Ended> {
    const { stream, group, consumer, isOrdered } = this.membership;
    const { life } = this;
    // Taken in an earlier life, even one of them must be looked at.
    const taken = entries.every((entry) => entry.life === life) ? life : '';
    const args = [
      this.streamKey,
      this.orderKey,
      this.signKey,
      group,
      consumer,
      taken,
      String(entries.length),
    ];
    for (const { id } of entries) args.push(id);
    if (isOrdered) for (const { key } of entries) args.push(key);
    const [acknowledged, successors] = await this.redis.run(`acknowledge (${stream})`, (redis) =>
      acknowledge.run(redis, args),
    );
    return { refused: entries.length - acknowledged, successors: this.entries(successors, false, life) };
  }

  /** Whether nobody can have claimed the entry so far; otherwise Redis must be asked. */
  isSurelyMine({ life }: Entry): boolean {
    return life === this.life && performance.now() < this.aliveUntil;
  }

  /** Looks at entries that were taken in an earlier life of this consumer; resolves with those that others have by now. */
  async findLost(entries: Iterable<Entry>): Promise<readonly Entry[]> {
    const { life } = this;
    const doubtful = [...entries].filter((entry) => entry.life !== life);
    if (doubtful.length === 0) return [];
    const lost = new Set<string>();
    for (let at = 0; at < doubtful.length; at += STEP) {
      const ids = doubtful.slice(at, at + STEP).map(({ id }) => id);
      for (const id of await this.run('look after entries', findLost, ids)) lost.add(id);
    }
    for (const entry of doubtful) if (!lost.has(entry.id)) entry.life = life;
    return doubtful.filter(({ id }) => lost.has(id));
  }

  /** False when the entry is not this consumer's any more. */
  async begin({ id, attempt }: Entry): Promise<boolean> {
    return (await this.run('begin', begin, [id, attempt])) === 1;
  }

  /** Resolves with the entries whose turn has come; `refused` is 1 when it was not this consumer's any more. */
  async bury(entry: Entry, letter: readonly string[]): Promise<Buried> {
    const { stream, group, consumer, deadLetters } = this.membership;
    const { life } = this;
    const keys = [this.streamKey, this.orderKey, this.deadKey];
    const about = [group, consumer, entry.id, entry.key, deadLetters.count, deadLetters.ageMs];
    const [buried, successors, dropped] = await this.redis.run(`bury an entry of ${stream}`, (redis) =>
      bury.run(redis, [...keys, ...about, ...letter]),
    );
    return { refused: 1 - buried, successors: this.entries(successors, false, life), dropped };
  }

  /**
   * Says that this consumer is alive, and takes up to `limit` entries of those that are not.
   *
   * Right after Redis was away nobody's silence counts as death here: others may still be on their way back to it.
   */
  async sweep(limit: number): Promise<Swept> {
    const { stream, group, consumer, ttlMs, claimIdleMs, isOrdered } = this.membership;
    const signs = this.keys.ownStream(stream, 'consumer', group, '');
    const sentAt = performance.now();
    const keys = [this.streamKey, this.orderKey, this.signKey, this.watchKey, this.lostKey];
    const mayJudge = this.redis.msSinceReconnect(sentAt) > ttlMs ? '1' : '0';
    const args = [
      ...[group, consumer, ttlMs, signs, limit, claimIdleMs, isOrdered ? '1' : '0', ++this.lives],
      ...[mayJudge, this.idleFrom],
    ];
    const reply = await this.redis.run(`claim entries of ${stream}`, (redis) =>
      sweep.run(redis, [...keys, ...args]),
    );
    const [delivered, pending, taken, life, lostToTrim, idleFrom] = reply;
    // Should the group be lost, whatever is not acknowledged now is delivered again.
    this.position = pending === '' ? delivered : idBefore(pending);
    this.isSeen = true;
    this.life = life;
    this.aliveUntil = sentAt + ttlMs;
    this.idleFrom = idleFrom;
    return {
      ...this.claimed(taken, true, life),
      lostToTrim,
      isCutShort: taken.length === limit && limit > 0,
    };
  }

  /** Holds the dead letters to their limits; resolves with how many were dropped because there were too many. */
  async tidy(): Promise<number> {
    const { stream, group, consumer, deadLetters } = this.membership;
    const keys = [this.streamKey, this.orderKey, this.deadKey, this.lostKey];
    const args = [group, consumer, BESIDE_MS, deadLetters.ageMs, deadLetters.count, STEP];
    return this.redis.run(`tidy up ${stream}`, (redis) => tidy.run(redis, [...keys, ...args]));
  }

  async mendLines(limit: number): Promise<Claimed> {
    const { life } = this;
    const [taken, from] = await this.run('mend lines', mendLines, [limit, this.linesFrom]);
    this.linesFrom = from;
    return this.claimed(taken, false, life);
  }

  /** Entries that Redis holds for this consumer and `isKnown` does not know: the answer that brought them was lost. */
  async adopt(isKnown: (id: string) => boolean): Promise<Claimed> {
    const { stream, group, consumer, isOrdered } = this.membership;
    const names = isOrdered ? [consumer, consumer + UNLINED] : [consumer];
    const rows = await this.redis.run(`look after entries of ${stream}`, (redis) =>
      Promise.all(names.map((name) => redis.xpending(this.streamKey, group, '-', '+', 1_000, name))),
    );
    const ids = (rows.flat() as [id: string][]).map(([id]) => id).filter((id) => !isKnown(id));
    if (ids.length === 0) return NOTHING;
    const { life } = this;
    // What is left over is looked for again.
    return this.claimed(await this.run('adopt', adopt, ids.slice(0, STEP)), false, life);
  }

  /** Leaves what is in hand to others, `unbegun` as if it had never been delivered. */
  async leave(unbegun: readonly Entry[]): Promise<void> {
    const { group, consumer, stream, ttlMs } = this.membership;
    const about = [this.streamKey, this.orderKey, this.signKey, group, consumer];
    for (let at = 0; at === 0 || at < unbegun.length; at += STEP) {
      const ids = unbegun.slice(at, at + STEP).map(({ id }) => id);
      const leftForMs = at + STEP < unbegun.length ? 0 : SAYS_SO * ttlMs;
      const args = [...about, leftForMs, ...ids];
      await this.redis.run(`leave group ${group} of ${stream}`, (redis) => leave.run(redis, args));
    }
  }

  /** Ends a read that blocks. */
  stopReading(): void {
    this.blocking.close();
  }

  private run<T>(what: string, script: Script<T>, args: readonly (string | number)[]): Promise<T> {
    const { stream, group, consumer } = this.membership;
    const all = [this.streamKey, this.orderKey, group, consumer, ...args];
    return this.redis.run(`${what} (${stream})`, (redis) => script.run(redis, all));
  }

  private claimed(entries: readonly WireEntry[], wereBegun: boolean, life: string): Claimed {
    const of = (unlined: 0 | 1) => entries.filter((entry) => entry[3] === unlined);
    // What has not lined up yet was never begun.
    return { ready: this.entries(of(0), wereBegun, life), unlined: this.entries(of(1), false, life) };
  }

  /** An entry that was delivered and not begun is on its first attempt still. */
  private entries(given: readonly WireEntry[], wereBegun: boolean, life: string): Entry[] {
    const { stream, group } = this.membership;
    const begun = (deliveries: number) => (wereBegun ? deliveries : Math.max(0, deliveries - 1));
    return given.map(
      ([id, deliveries, fields]) => new Entry(stream, group, id, fields, life, begun(deliveries)),
    );
  }
}
