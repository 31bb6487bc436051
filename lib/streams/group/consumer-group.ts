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

/** An instance that has left says so for as long as its heartbeat key would live so many times. */
const LEFT_FOR_TTLS = 100;

/** One instance's part in one consumer group: every command that this takes, and nothing else. */
export class ConsumerGroup {
  private readonly names: GroupKeys;
  private readonly blocking: BlockingConnection;
  private position: string;
  /** Whether the group was seen at that position. */
  private isSeen = false;
  /** Entries taken in one incarnation of this consumer are its own for as long as its heartbeat key holds that. */
  private incarnation = '';
  /** When the heartbeat key ends, if it is not renewed. */
  private aliveUntil = 0;
  private incarnations = 0;
  /** Where the next look at entries of foreign consumers begins, and the next look at the order. */
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

  /** Makes the group if it is not there: at first where it is to begin, later where this instance last saw it. */
  async ensure(): Promise<boolean> {
    const { stream, group } = this.config;
    const args = [this.names.stream, this.names.order, group, this.position, this.isSeen ? '1' : '0'];
    return (await this.script(`join group ${group} of ${stream}`, ensureGroup, args)) === 1;
  }

  /** Waits for new entries, `blockMs` at most. */
  async read(count: number, blockMs: number): Promise<Entry[]> {
    const { stream, group, consumer, isOrdered } = this.config;
    const name = isOrdered ? consumer + UNORDERED : consumer;
    // That of the command, not of its answer: there may be a standstill in between.
    const origin = { incarnation: this.incarnation, deliveries: 0 };
    const options = ['COUNT', count, 'BLOCK', blockMs, 'STREAMS', this.names.stream, '>'] as const;
    const reply = (await this.blocking.run(`read ${stream}`, blockMs, (redis) =>
      redis.xreadgroup('GROUP', group, name, ...options),
    )) as XReadReply;
    const found = reply?.[0]?.[1] ?? [];
    return found.map(([id, fields]) => new Entry(this.config, id, fields, origin));
  }

  /** Tells the keys of entries, those that others have read among them, and learns their places. */
  async enqueueByKey(entries: readonly Entry[], withOthers: boolean): Promise<Placed> {
    const { consumer } = this.config;
    const keys = entries.flatMap(({ owner = consumer, id, key }) => [owner, id, key]);
    const args = [withOthers ? '1' : '0', ...keys];
    const [placements, queuedByKey, others] = await this.run('order by key', enqueueByKey, args);
    const otherEntries = others.map(([owner, id, fields]) => {
      return new Entry(this.config, id, fields, { incarnation: this.incarnation, deliveries: 0, owner });
    });
    return { placements, queuedByKey, others: otherEntries };
  }

  /** Resolves with the entries that are the first of their keys now, and how many were this consumer's no more. */
  async acknowledge(entries: readonly Entry[]): Promise<Ended> {
    const { stream, group, consumer, isOrdered } = this.config;
    const { incarnation } = this;
    // Taken in an earlier incarnation, even one of them must be looked at.
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

  /** Looks at entries that were taken in an earlier incarnation of this consumer; resolves with those that others have. */
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

  /** False when the entry is not this consumer's any more. */
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
   * Renews this consumer's heartbeat, and claims up to `limit` entries of consumers that have none.
   *
   * Right after Redis was away nobody's silence counts as death here: others may still be on their way back to it.
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
    // Should the group be lost, whatever is not acknowledged now is delivered again.
    this.position = pending === '' ? delivered : idBefore(pending);
    this.isSeen = true;
    this.incarnation = incarnation;
    this.aliveUntil = sentAt + ttlMs;
    this.idleFrom = idleFrom;
    const isCutShort = taken.length === limit && limit > 0;
    return { ...this.claimed(taken, true, incarnation), lostToTrim, isCutShort };
  }

  /** Holds the dead letters to their limits; resolves with how many were dropped because there were too many. */
  async tidy(): Promise<number> {
    const { stream, group, consumer, deadLetters } = this.config;
    const keys = [this.names.stream, this.names.order, this.names.dead, this.names.lost];
    const limits = [GROUP_KEYS_TTL_MS, deadLetters.ageMs, deadLetters.count, BATCH_SIZE];
    return this.script(`tidy up ${stream}`, tidy, [...keys, group, consumer, ...limits]);
  }

  /** Tells the keys of all that has its place again; `onlyIfLost`: when Redis shows that it does not know them. */
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

  /** Claims the first entries of keys that stand still. */
  async repairOrder(limit: number): Promise<Claimed> {
    const { incarnation } = this;
    const [taken, from] = await this.run('repair the order', repairOrder, [limit, this.repairFrom]);
    this.repairFrom = from;
    return this.claimed(taken, false, incarnation);
  }

  /** Entries that Redis holds for this consumer and `isKnown` does not know: the answer that brought them was lost. */
  async recoverUndelivered(isKnown: (id: string) => boolean): Promise<Claimed> {
    const { stream, group, consumer, isOrdered } = this.config;
    const names = isOrdered ? [consumer, consumer + UNORDERED] : [consumer];
    const rows = await this.context.redis.run(`look after entries of ${stream}`, (redis) =>
      Promise.all(names.map((name) => redis.xpending(this.names.stream, group, '-', '+', 1_000, name))),
    );
    const ids = (rows.flat() as [id: string][]).map(([id]) => id).filter((id) => !isKnown(id));
    if (ids.length === 0) return NOTHING_CLAIMED;
    const { incarnation } = this;
    // What is left over is looked for again.
    const taken = await this.run('recover entries', recoverUndelivered, ids.slice(0, BATCH_SIZE));
    return this.claimed(taken, false, incarnation);
  }

  /** Leaves what is in flight to others, `unbegun` as if it had never been delivered. */
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
    // What has no place yet was never begun.
    return {
      ready: this.entries(of(0), wereBegun, incarnation),
      unordered: this.entries(of(1), false, incarnation),
    };
  }

  /** An entry that was delivered and not begun is on its first attempt still. */
  private entries(given: readonly WireEntry[], wereBegun: boolean, incarnation: string): Entry[] {
    const begun = (deliveries: number) => (wereBegun ? deliveries : Math.max(0, deliveries - 1));
    return given.map(([id, deliveries, fields]) => {
      return new Entry(this.config, id, fields, { incarnation, deliveries: begun(deliveries) });
    });
  }
}
