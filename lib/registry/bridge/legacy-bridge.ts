import { encodeDirectory } from '../../protocol/announcement.js';
import { allowedCommands, type CommandWords } from '../../redis/allowed.js';
import type { Context } from '../../redis/context.js';
import { holdLease, releaseLease, type Lease } from '../lease.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import type { Timer } from '../../runtime/clock.js';
import { jittered } from '../../runtime/random-source.js';
import { isInReconnectGrace, stoodStill } from '../reconnect-grace.js';
import { KnownNodes, type KnownNode } from './known-nodes.js';
import { beat, leave, prune } from '../registry-scripts.js';
import { isOfAnother, lead, type Held } from './bridge-scripts.js';

const INTERVAL_MS = 1_000;
const LEADER_LEASE_MS = 3_000;
/**
 * Who does not lead asks after the lease of another, and at random within so long for each instance there is. No later than this: the
 * instances may nearly all be of Hydra 1.x, which do not lead, and would wait for the next leader.
 */
const OTHERS_MS = 50;
const LONGEST_WAIT_MS = 5_000;

/** How long the bridge waits before something counts as dead. */
export interface BridgeTimings {
  /** Dead entries of the nodes hash are deleted after this long. Hydra 1.x peers may have one in their cache for 3 s. */
  readonly pruneAfterMs: number;
  /**
   * Names without an instance are searched for each time after this number of ticks, and removed when they are found
   * twice.
   */
  readonly directoryEveryTicks: number;
  /** What can wait for seconds is done at each so many ticks: entries that can be deleted, names that were lost. */
  readonly restEveryTicks: number;
}

const TIMINGS: BridgeTimings = { pruneAfterMs: 60_000, directoryEveryTicks: 60, restEveryTicks: 5 };
/** The ids are read again at the latest after so many ticks, even if their number has not changed. */
const FULL_EVERY_TICKS = 10;
const BATCH_SIZE = 500;
/** Whether this user may do this at all is asked for again after so many ticks. */
const ASK_EVERY_TICKS = 60;

/** What is known of the lease where another process leads. */
interface HeldByAnother {
  readonly leaseMs: number;
  /** How many instances there are; 0 where that is not known. */
  readonly nodes: number;
}

/**
 * Enters Hydra 1.x instances, which announce nothing, in the index of their service; deletes entries of the nodes hash whose
 * instance is long gone, and names from the directory that have no instance any more; puts back names that were lost. One
 * process does it for all: the one that holds the leader lease, a key with a life. Who may not take that, takes no part.
 *
 * Every instance has an entry in the nodes hash: its ids show who may be there, the presence keys of those say who is, and
 * nothing is ever scanned.
 */
export class LegacyBridge {
  private readonly nodes = new KnownNodes();
  private emptyNames = new Set<string>();
  private timer: Timer | undefined;
  private isLeader = false;
  private pauseMs = INTERVAL_MS;
  /** Within which the others ask that do not lead either. */
  private othersMs = 0;
  private ticks = 0;
  private attempts = 0;
  private mayLead = true;
  private ticking: Promise<void> | undefined;
  private isStopped = true;

  constructor(
    private readonly context: Pick<Context, 'id' | 'redis' | 'keys' | 'clock' | 'random'>,
    private readonly timings: BridgeTimings = TIMINGS,
  ) {}

  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.next();
  }

  /** Gives up the leader lease: the process that asks next has it. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.context.clock.clear(this.timer);
    await this.ticking;
    if (!this.isLeader || !this.context.redis.isReady) return;
    this.isLeader = false;
    await releaseLease(this.context.redis.commands, this.lease).catch(() => undefined);
  }

  private get lease(): Lease {
    return { key: this.context.keys.bridge, holder: this.context.id };
  }

  private next(): void {
    const { clock, random } = this.context;
    this.ticking = this.tick().finally(() => {
      if (this.isStopped) return;
      // One process leads: there are no others that could act at the same moment.
      const pauseMs = this.isLeader
        ? this.pauseMs
        : jittered(this.pauseMs, random) + random.float() * this.othersMs;
      this.timer = clock.setTimeout(() => this.next(), pauseMs, { isUpkeep: true });
    });
  }

  private async tick(): Promise<void> {
    this.pauseMs = INTERVAL_MS;
    this.othersMs = 0;
    if (!this.context.redis.isReady) return;
    const redis = this.context.redis.commands;
    try {
      if (!(await this.isAllowed(redis))) return;
      const held = await this.lead(redis);
      if (!held) return this.nodes.clear();
      if (held.ids) await this.readNodes(redis, held.ids);
      const isForRest = this.ticks % this.timings.restEveryTicks === 0;
      const due = this.nodes.due(this.context.clock.monotonic(), isForRest);
      await Promise.all(due.map((entry) => this.lookAt(redis, entry)));
      await Promise.all(held.lost.map((service) => this.list(redis, service)));
      if (++this.ticks % this.timings.directoryEveryTicks === 0) await this.pruneDirectory(redis);
    } catch {
      // Redis went away; the next tick, or the next leader, continues.
    }
  }

  /** What it reads as the leader. If it is not, it asks again when the lease of the leader would end. */
  private async lead(redis: RedisClient): Promise<Held | undefined> {
    const known = this.ticks % FULL_EVERY_TICKS === 0 ? undefined : this.nodes.size;
    // For a directory that was lost alone: instances enter their names only when they register.
    const isAfterRest = (this.ticks - 1) % this.timings.restEveryTicks === 0;
    const names = isAfterRest ? this.nodes.liveServices : [];
    const { isSharded } = this.context.redis;
    const answer = await (isSharded
      ? this.leadBySlots(redis, known, names)
      : this.leadAtOnce(redis, known, names));
    const wasLeader = this.isLeader;
    this.isLeader = 'lost' in answer;
    if ('lost' in answer) {
      if (!wasLeader) this.ticks = 0;
      return answer;
    }
    this.pauseMs = Math.min(Math.max(answer.leaseMs, INTERVAL_MS), LEADER_LEASE_MS);
    this.othersMs = Math.min(answer.nodes * OTHERS_MS, LONGEST_WAIT_MS);
    return undefined;
  }

  private async leadAtOnce(
    redis: RedisClient,
    known: number | undefined,
    names: readonly string[],
  ): Promise<Held | HeldByAnother> {
    const { bridge, nodes, directory } = this.context.keys;
    const args = [bridge, nodes, directory, this.context.id, LEADER_LEASE_MS, known ?? '', ...names];
    const answer = await lead.run(redis, args);
    if (isOfAnother(answer)) return { leaseMs: answer[0], nodes: answer[1] };
    const [[ids], lost] = answer;
    return { ids, lost };
  }

  /** On a Cluster each of the keys has its own slot. */
  private async leadBySlots(
    redis: RedisClient,
    known: number | undefined,
    names: readonly string[],
  ): Promise<Held | HeldByAnother> {
    const { nodes, directory } = this.context.keys;
    const leaseMs = await holdLease(redis, this.lease, LEADER_LEASE_MS);
    if (leaseMs > 0) return { leaseMs, nodes: 0 };
    const isKnown = known !== undefined && (await redis.hlen(nodes)) === known;
    const ids = isKnown ? undefined : await redis.hkeys(nodes);
    const isListed = names.length > 0 ? await redis.smismember(directory, ...names) : [];
    return { ids, lost: names.filter((_, index) => isListed[index] === 0) };
  }

  /** Asked for now and then, for it may be given: who tries without it is noted by Redis every time. */
  private async isAllowed(redis: RedisClient): Promise<boolean> {
    if (this.attempts++ % ASK_EVERY_TICKS === 0) {
      const { bridge, nodes, directory } = this.context.keys;
      const wanted: readonly CommandWords[] = [['SET', bridge, 'a', 'PX', '1', 'NX']];
      const together: CommandWords = ['EVALSHA', 'lead', '3', bridge, nodes, directory];
      const may = await allowedCommands(redis, this.context.redis.isSharded ? wanted : [...wanted, together]);
      this.mayLead = may.every(Boolean);
    }
    return this.mayLead;
  }

  /** Reads what is new in the hash. Its records are rewritten every second, its ids change when instances come or go. */
  private async readNodes(redis: RedisClient, ids: readonly string[]): Promise<void> {
    const { nodes } = this.context.keys;
    this.nodes.keepOnly(ids);
    const unread = this.nodes.unread(ids);
    for (let start = 0; start < unread.length; start += BATCH_SIZE) {
      const some = unread.slice(start, start + BATCH_SIZE);
      const records = await redis.hmget(nodes, ...some);
      for (const [index, id] of some.entries())
        this.nodes.add(id, records[index] ?? null, this.context.clock.monotonic());
    }
  }

  private async lookAt(redis: RedisClient, entry: KnownNode): Promise<void> {
    const { id, service, isOurs, isLive } = entry;
    const askedAt = this.context.clock.monotonic();
    const isSelf = id === this.context.id;
    const isAlive = isSelf || (await redis.exists(this.context.keys.presence(service, id))) === 1;
    const now = this.context.clock.monotonic();
    // An instance that could not renew its presence because Redis did not respond is not declared dead: it renews it
    // every second.
    if (!isAlive && (stoodStill(this.context.redis, askedAt) || isInReconnectGrace(this.context.redis)))
      return;
    entry.isLive = isAlive;
    if (isAlive) entry.aliveAt = now;
    if (isAlive && !isOurs) await this.enterInIndex(redis, entry);
    else if (isLive && !isOurs) await this.takeOutOfIndex(redis, entry);
    else if (!isAlive && now - entry.aliveAt >= this.timings.pruneAfterMs) await this.forget(redis, entry);
  }

  private async enterInIndex(redis: RedisClient, { id, service, record }: KnownNode): Promise<void> {
    const { keys } = this.context;
    const [isNew] = await beat.run(redis, [
      keys.presence(service, id),
      keys.beats(service),
      keys.instances(service),
      keys.epoch(service),
      id,
      0,
      record,
      keys.announcements(service),
      'beat',
    ]);
    if (isNew === 1) await this.list(redis, service);
  }

  private async list(redis: RedisClient, service: string): Promise<void> {
    const { directory, directoryChanges } = this.context.keys;
    const added = await redis.sadd(directory, service);
    if (added === 1) await redis.publish(directoryChanges, encodeDirectory({ kind: 'added', service }));
  }

  private async takeOutOfIndex(
    redis: RedisClient,
    { id, service }: Pick<KnownNode, 'id' | 'service'>,
  ): Promise<void> {
    const { keys } = this.context;
    await leave.run(redis, [
      keys.presence(service, id),
      keys.beats(service),
      keys.instances(service),
      keys.epoch(service),
      id,
      keys.announcements(service),
      'absent',
    ]);
  }

  private async forget(redis: RedisClient, { id, service }: KnownNode): Promise<void> {
    const { nodes } = this.context.keys;
    // An instance of this library that no process watched is still in the index of its service.
    await this.takeOutOfIndex(redis, { id, service });
    // On a Cluster the two keys have different slots, and no Hydra 1.x peer is there to be harmed.
    if (this.context.redis.isSharded) await redis.hdel(nodes, id);
    else await prune.run(redis, [this.context.keys.presence(service, id), nodes, id]);
    this.nodes.delete(id);
  }

  /**
   * A name is removed when its service had no instance at two checks, a minute apart. Its next instance enters it
   * again.
   */
  private async pruneDirectory(redis: RedisClient): Promise<void> {
    const { directory, directoryChanges } = this.context.keys;
    const names = await redis.smembers(directory);
    const sizes = await Promise.all(names.map((name) => redis.hlen(this.context.keys.instances(name))));
    const empty = names.filter((_, index) => sizes[index] === 0);
    const gone = empty.filter((name) => this.emptyNames.has(name));
    this.emptyNames = new Set(empty.filter((name) => !gone.includes(name)));
    for (const service of gone) {
      await redis.srem(directory, service);
      // An instance enters the index first and then the directory. So an instance that registers meanwhile is seen
      // here, or enters the name later.
      const isBack = (await redis.hlen(this.context.keys.instances(service))) > 0;
      if (isBack) await redis.sadd(directory, service);
      else await redis.publish(directoryChanges, encodeDirectory({ kind: 'removed', service }));
    }
  }
}
