import { idBefore } from '../../protocol/stream-id.js';
import { BlockingConnection } from '../../redis/blocking-connection.js';
import type { Context } from '../../redis/context.js';
import type { Script } from '../../redis/script.js';
import { Entry } from '../entries/entry.js';
import { ensureGroup, leave, recoverUndelivered, tidy } from '../scripts/consumer-scripts.js';
import { BATCH_SIZE, GROUP_KEYS_TTL_MS, UNORDERED, type WireEntry } from '../scripts/group-lua.js';
import { heartbeatAndClaim } from '../scripts/heartbeat-scripts.js';
import { enqueueByKey, repairOrder, restoreOrder } from '../scripts/ordering-scripts.js';
import { acknowledge, beginAttempt, deadLetter, findLost } from '../scripts/outcome-scripts.js';
import {
  NOTHING_CLAIMED,
  type Claimed,
  type ConsumerConfig,
  type DeadLettered,
  type Ended,
  type HeartbeatOutcome,
  type Placed,
} from './consumer-config.js';
import { groupKeys, type GroupKeys } from './group-keys.js';

type XReadReply =
  readonly [stream: string, entries: readonly (readonly [id: string, fields: string[]])[]][] | null;

/** How long the heartbeat key of an instance that has left says so: this many times its normal life. */
const LEFT_FOR_TTLS = 100;

/** One instance as a consumer of one group: all its commands, and nothing else. */
export class ConsumerGroup {
  private readonly names: GroupKeys;
  private readonly blocking: BlockingConnection;
  private position: string;
  /** Whether the group was seen at that position. */
  private isSeen = false;
  /**
   * An incarnation of this consumer. Entries taken in it belong to the consumer as long as its heartbeat key contains
   * this incarnation.
   */
  private incarnation = '';
  /** When the heartbeat key expires, if it is not renewed. */
  private aliveUntil = 0;
  private incarnations = 0;
  /** Where the next check of foreign consumers' entries begins, and the next check of the order. */
  private idleFrom = '-';
  private repairFrom = '-';

  constructor(
    private readonly context: Pick<Context, 'redis' | 'keys' | 'clock'>,
    readonly config: ConsumerConfig,
  ) {
    this.names = groupKeys(context.keys, config);
    this.blocking = new BlockingConnection(context.redis);
    this.position = config.from;
  }

  /**
   * Makes the group if it does not exist: the first time at its configured position, later at the position that this
   * instance last saw.
   */
  async ensure(): Promise<boolean> {
    const { stream, group } = this.config;
    const args = [this.names.stream, this.names.order, group, this.position, this.isSeen ? '1' : '0'];
    return (await this.script(`join group ${group} of ${stream}`, ensureGroup, args)) === 1;
  }

  /** Waits for new entries, `blockMs` at most. */
  async read(count: number, blockMs: number): Promise<Entry[]> {
    const { stream, group, consumer, isOrdered } = this.config;
    const name = isOrdered ? consumer + UNORDERED : consumer;
    // The time of the command, and not of its answer: Redis may not have responded in between.
    const origin = { incarnation: this.incarnation, deliveries: 0 };
    const options = ['COUNT', count, 'BLOCK', blockMs, 'STREAMS', this.names.stream, '>'] as const;
    const reply = (await this.blocking.run(`read ${stream}`, blockMs, (redis) =>
      redis.xreadgroup('GROUP', group, name, ...options),
    )) as XReadReply;
    const found = reply?.[0]?.[1] ?? [];
    return found.map(([id, fields]) => new Entry(this.config, id, fields, origin));
  }

  /** Tells the keys of entries, also of entries that others have read, and returns their places. */
  async enqueueByKey(entries: readonly Entry[], withOthers: boolean): Promise<Placed> {
    const { consumer } = this.config;
    const keys = entries.flatMap(({ owner = consumer, id, key }) => [owner, id, key]);
    const args = [withOthers ? '1' : '0', ...keys];
    const [placements, queuedByKey, others, consumers] = await this.run('order by key', enqueueByKey, args);
    const otherEntries = others.map(([owner, id, fields]) => {
      return new Entry(this.config, id, fields, { incarnation: this.incarnation, deliveries: 0, owner });
    });
    return { placements, queuedByKey, others: otherEntries, consumers };
  }

  /**
   * Resolves with the entries that are the first of their keys now, and the number of entries that did not belong to
   * this consumer any more.
   */
  async acknowledge(entries: readonly Entry[]): Promise<Ended> {
    const { stream, group, consumer, isOrdered } = this.config;
    const { incarnation } = this;
    // If even one of them was taken in an earlier incarnation, Redis must check them.
    const taken = entries.every((entry) => entry.incarnation === incarnation) ? incarnation : '';
    const { stream: streamKey, order, heartbeat } = this.names;
    const args: string[] = [streamKey, order, heartbeat, group, consumer, taken, String(entries.length)];
    for (const { id } of entries) args.push(id);
    if (isOrdered) for (const { key } of entries) args.push(key);
    const [acknowledged, successors] = await this.script(`acknowledge (${stream})`, acknowledge, args);
    return {
      refused: entries.length - acknowledged,
      successors: this.entries(successors, false, incarnation),
    };
  }

  /** Whether nobody can have claimed the entry so far; otherwise Redis must be asked. */
  isSurelyMine({ incarnation }: Entry): boolean {
    return incarnation === this.incarnation && this.context.clock.monotonic() < this.aliveUntil;
  }

  /**
   * Checks entries that were taken in an earlier incarnation of this consumer. Resolves with those that others have
   * claimed.
   */
  async findLost(entries: Iterable<Entry>): Promise<readonly Entry[]> {
    const { incarnation } = this;
    const doubtful = [...entries].filter((entry) => entry.incarnation !== incarnation);
    if (doubtful.length === 0) return [];
    const lost = new Set<string>();
    for (let at = 0; at < doubtful.length; at += BATCH_SIZE) {
      const ids = doubtful.slice(at, at + BATCH_SIZE).map(({ id }) => id);
      for (const id of await this.run('look after entries', findLost, ids)) lost.add(id);
    }
    for (const entry of doubtful) if (!lost.has(entry.id)) entry.ownedIn(incarnation);
    return doubtful.filter(({ id }) => lost.has(id));
  }

  /** False when the entry does not belong to this consumer any more. */
  async beginAttempt({ id, attempt }: Entry): Promise<boolean> {
    return (await this.run('begin an attempt', beginAttempt, [id, attempt])) === 1;
  }

  /** Makes a dead letter of an entry; `refused` is 1 when it was not this consumer's any more. */
  async deadLetter(entry: Entry, letter: readonly string[]): Promise<DeadLettered> {
    const { stream, group, consumer, deadLetters } = this.config;
    const { incarnation } = this;
    const keys = [this.names.stream, this.names.order, this.names.dead];
    const about = [group, consumer, entry.id, entry.key, deadLetters.count, deadLetters.ageMs];
    const [done, successors, dropped] = await this.script(`dead-letter an entry of ${stream}`, deadLetter, [
      ...keys,
      ...about,
      ...letter,
    ]);
    return { refused: 1 - done, successors: this.entries(successors, false, incarnation), dropped };
  }

  /**
   * Renews the heartbeat of this consumer, and claims up to `limit` entries of consumers that have no heartbeat.
   *
   * Just after an outage, silence does not count as death, because others may still be reconnecting.
   */
  async heartbeatAndClaim(limit: number): Promise<HeartbeatOutcome> {
    const { stream, group, consumer, ttlMs, claimIdleMs, isOrdered } = this.config;
    const { redis, clock } = this.context;
    const { stream: streamKey, order, heartbeat, watch, lost, heartbeats } = this.names;
    const sentAt = clock.monotonic();
    const mayJudge = redis.msSinceReconnect(sentAt) > ttlMs ? '1' : '0';
    const [delivered, pending, taken, incarnation, lostToTrim, idleFrom] = await this.script(
      `claim entries of ${stream}`,
      heartbeatAndClaim,
      [
        ...[streamKey, order, heartbeat, watch, lost],
        ...[group, consumer, ttlMs, heartbeats, limit, claimIdleMs, isOrdered ? '1' : '0'],
        ...[++this.incarnations, mayJudge, this.idleFrom],
      ],
    );
    // If the group is lost, all entries that are not acknowledged now are delivered again.
    this.position = pending === '' ? delivered : idBefore(pending);
    this.isSeen = true;
    this.incarnation = incarnation;
    this.aliveUntil = sentAt + ttlMs;
    this.idleFrom = idleFrom;
    const isCutShort = taken.length === limit && limit > 0;
    return { ...this.claimed(taken, true, incarnation), lostToTrim, isCutShort };
  }

  /** Enforces the limits of dead letters. Resolves with how many were dropped because there were too many. */
  async tidy(): Promise<number> {
    const { stream, group, consumer, deadLetters } = this.config;
    const keys = [this.names.stream, this.names.order, this.names.dead, this.names.lost];
    const limits = [GROUP_KEYS_TTL_MS, deadLetters.ageMs, deadLetters.count, BATCH_SIZE];
    return this.script(`tidy up ${stream}`, tidy, [...keys, group, consumer, ...limits]);
  }

  /** Tells the keys of all entries that have a place again; with `onlyIfLost` only when Redis does not know them. */
  async restoreOrder(keyOf: (entry: Entry) => string, onlyIfLost: boolean): Promise<void> {
    const { incarnation } = this;
    let how = onlyIfLost ? '1' : '0';
    let from = '-';
    let told: string[] = [];
    do {
      const args = [how, from, ...told];
      const [entries, nextFrom] = await this.run('restore the order', restoreOrder, args);
      told = entries.flatMap(([id, fields]) => {
        const key = keyOf(new Entry(this.config, id, fields, { incarnation, deliveries: 0 }));
        return key === '' ? [] : [id, key];
      });
      from = nextFrom;
      how = '0';
    } while (from !== '' || told.length > 0);
  }

  /** Claims the first entries of keys that make no progress. */
  async repairOrder(limit: number): Promise<Claimed> {
    const { incarnation } = this;
    const [taken, from] = await this.run('repair the order', repairOrder, [limit, this.repairFrom]);
    this.repairFrom = from;
    return this.claimed(taken, false, incarnation);
  }

  /** Entries that belong to this consumer in Redis and that `isKnown` does not know: the answer with them was lost. */
  async recoverUndelivered(isKnown: (id: string) => boolean): Promise<Claimed> {
    const { stream, group, consumer, isOrdered } = this.config;
    const names = isOrdered ? [consumer, consumer + UNORDERED] : [consumer];
    const rows = await this.context.redis.run(`look after entries of ${stream}`, (redis) =>
      Promise.all(names.map((name) => redis.xpending(this.names.stream, group, '-', '+', 1_000, name))),
    );
    const ids = (rows.flat() as [id: string][]).map(([id]) => id).filter((id) => !isKnown(id));
    if (ids.length === 0) return NOTHING_CLAIMED;
    const { incarnation } = this;
    // The rest is searched for again.
    const taken = await this.run('recover entries', recoverUndelivered, ids.slice(0, BATCH_SIZE));
    return this.claimed(taken, false, incarnation);
  }

  /** Leaves the entries in flight to others, and those of `unbegun` as if they had never been delivered. */
  async leave(unbegun: readonly Entry[]): Promise<void> {
    const { group, consumer, stream, ttlMs } = this.config;
    const about = [this.names.stream, this.names.order, this.names.heartbeat, group, consumer];
    for (let at = 0; at === 0 || at < unbegun.length; at += BATCH_SIZE) {
      const ids = unbegun.slice(at, at + BATCH_SIZE).map(({ id }) => id);
      const leftForMs = at + BATCH_SIZE < unbegun.length ? 0 : LEFT_FOR_TTLS * ttlMs;
      await this.script(`leave group ${group} of ${stream}`, leave, [...about, leftForMs, ...ids]);
    }
  }

  /** Ends a read that blocks. */
  stopReading(): void {
    this.blocking.close();
  }

  /** A script whose KEYS are the stream and the order, and whose first ARGV are the group and the consumer. */
  private run<T>(what: string, script: Script<T>, args: readonly (string | number)[]): Promise<T> {
    const { stream, group, consumer } = this.config;
    const about = [this.names.stream, this.names.order, group, consumer];
    return this.script(`${what} (${stream})`, script, [...about, ...args]);
  }

  private script<T>(what: string, script: Script<T>, args: readonly (string | number)[]): Promise<T> {
    return this.context.redis.run(what, (redis) => script.run(redis, args));
  }

  private claimed(entries: readonly WireEntry[], wereBegun: boolean, incarnation: string): Claimed {
    const of = (unordered: 0 | 1) => entries.filter((entry) => entry[3] === unordered);
    // An entry without a place has never begun.
    return {
      ready: this.entries(of(0), wereBegun, incarnation),
      unordered: this.entries(of(1), false, incarnation),
    };
  }

  /** An entry that was delivered and has not begun still has its first attempt. */
  private entries(given: readonly WireEntry[], wereBegun: boolean, incarnation: string): Entry[] {
    const begun = (deliveries: number) => (wereBegun ? deliveries : Math.max(0, deliveries - 1));
    return given.map(([id, deliveries, fields]) => {
      return new Entry(this.config, id, fields, { incarnation, deliveries: begun(deliveries) });
    });
  }
}
