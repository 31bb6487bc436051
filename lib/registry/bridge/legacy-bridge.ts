import { encodeDirectory } from '../../protocol/announcement.js';
import type { Keys } from '../../protocol/keys.js';
import type { RedisClient, RedisConnections } from '../../redis/redis-connections.js';
import { isInReconnectGrace, stoodStill } from '../reconnect-grace.js';
import { jittered } from '../jitter.js';
import { NodeLedger, type LedgerEntry } from './known-nodes.js';
import { beat, leave, prune } from '../registry-scripts.js';

const INTERVAL_MS = 1_000;
const OFFICE_MS = 3_000;
/** How patient the bridge is with what looks dead. */
export interface BridgePace {
  /** Dead entries of the nodes hash are deleted after this long. Hydra 1.x peers may have one in their cache for 3 s. */
  readonly pruneAfterMs: number;
  /** Names without an instance are looked for every so many turns, and taken out the second time they are found so. */
  readonly directoryTurns: number;
}

const PACE: BridgePace = { pruneAfterMs: 60_000, directoryTurns: 60 };
/** The ids are read again at the latest after so many turns, even if their number has not changed. */
const FULL_TURNS = 10;
const READ_AT_ONCE = 500;

/**
 * Enters Hydra 1.x instances, which announce nothing, in the index of their service; deletes entries of the nodes hash whose
 * instance is long gone, and names from the directory that have no instance any more; puts back names that were lost. One process does it for all: who
 * holds the office is decided by a key with a life.
 *
 * Every instance has an entry in the nodes hash: its ids show who may be there, the presence keys of those say who is, and
 * nothing is ever scanned.
 */
export class LegacyBridge {
  private readonly ledger = new NodeLedger();
  private emptyNames = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private isHolder = false;
  private turns = 0;
  private turn: Promise<void> | undefined;
  private isStopped = true;

  constructor(
    private readonly id: string,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly pace: BridgePace = PACE,
  ) {}

  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.next();
  }

  /** Leaves the office, so that another takes it at once. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.turn;
    if (!this.isHolder || !this.redis.isReady) return;
    this.isHolder = false;
    await this.redis.commands.del(this.keys.bridge).catch(() => undefined);
  }

  private next(): void {
    this.turn = this.tick().finally(() => {
      if (!this.isStopped) this.timer = setTimeout(() => this.next(), jittered(INTERVAL_MS)).unref();
    });
  }

  private async tick(): Promise<void> {
    if (!this.redis.isReady) return;
    const redis = this.redis.commands;
    try {
      const wasHolder = this.isHolder;
      this.isHolder = await this.holdsOffice(redis);
      if (!this.isHolder) return this.ledger.clear();
      if (!wasHolder) this.turns = 0;
      await this.readNodes(redis, this.turns % FULL_TURNS === 0);
      await Promise.all(this.ledger.due(performance.now()).map((entry) => this.lookAt(redis, entry)));
      await this.mendDirectory(redis);
      if (++this.turns % this.pace.directoryTurns === 0) await this.pruneDirectory(redis);
    } catch {
      // Redis went away; the next turn, or the next holder, goes on.
    }
  }

  private async holdsOffice(redis: RedisClient): Promise<boolean> {
    const taken = await redis.set(this.keys.bridge, this.id, 'PX', OFFICE_MS, 'NX');
    if (taken === 'OK') return true;
    if ((await redis.get(this.keys.bridge)) !== this.id) return false;
    await redis.pexpire(this.keys.bridge, OFFICE_MS);
    return true;
  }

  /** Reads what is new in the hash. Its records are rewritten every second, its ids change when instances come or go. */
  private async readNodes(redis: RedisClient, isFull: boolean): Promise<void> {
    const { nodes } = this.keys;
    if (!isFull && (await redis.hlen(nodes)) === this.ledger.size) return;
    const ids = await redis.hkeys(nodes);
    this.ledger.keepOnly(ids);
    const unread = this.ledger.unread(ids);
    for (let start = 0; start < unread.length; start += READ_AT_ONCE) {
      const some = unread.slice(start, start + READ_AT_ONCE);
      const records = await redis.hmget(nodes, ...some);
      for (const [index, id] of some.entries())
        this.ledger.add(id, records[index] ?? null, performance.now());
    }
  }

  private async lookAt(redis: RedisClient, entry: LedgerEntry): Promise<void> {
    const { id, service, isOurs, isLive } = entry;
    const askedAt = performance.now();
    const isAlive = (await redis.exists(this.keys.presence(service, id))) === 1;
    const now = performance.now();
    // One that could not renew its presence is not buried: it beats every second.
    if (!isAlive && (stoodStill(this.redis, askedAt) || isInReconnectGrace(this.redis))) return;
    entry.isLive = isAlive;
    if (isAlive) entry.aliveAt = now;
    if (isAlive && !isOurs) await this.adopt(redis, entry);
    else if (isLive && !isOurs) await this.bury(redis, entry);
    else if (!isAlive && now - entry.aliveAt >= this.pace.pruneAfterMs) await this.forget(redis, entry);
  }

  private async adopt(redis: RedisClient, { id, service, record }: LedgerEntry): Promise<void> {
    const { keys } = this;
    const isNew = await beat.run(redis, [
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
    const { directory, directoryChanges } = this.keys;
    const added = await redis.sadd(directory, service);
    if (added === 1) await redis.publish(directoryChanges, encodeDirectory({ kind: 'added', service }));
  }

  /** A directory that was lost alone: instances enter their names only when they come. */
  private async mendDirectory(redis: RedisClient): Promise<void> {
    const services = this.ledger.liveServices;
    if (services.length === 0) return;
    const isListed = await redis.smismember(this.keys.directory, ...services);
    const missing = services.filter((_, index) => isListed[index] === 0);
    await Promise.all(missing.map((service) => this.list(redis, service)));
  }

  private async bury(
    redis: RedisClient,
    { id, service }: Pick<LedgerEntry, 'id' | 'service'>,
  ): Promise<void> {
    const { keys } = this;
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

  private async forget(redis: RedisClient, { id, service }: LedgerEntry): Promise<void> {
    const { nodes } = this.keys;
    // One of ours that nobody watched is still in the index of its service.
    await this.bury(redis, { id, service });
    // On a Cluster the two keys have different slots, and no Hydra 1.x peer is there to be harmed.
    if (this.redis.isCluster) await redis.hdel(nodes, id);
    else await prune.run(redis, [this.keys.presence(service, id), nodes, id]);
    this.ledger.delete(id);
  }

  /** A name goes when its service had no instance at two looks, a minute apart; it comes back with its next instance. */
  private async pruneDirectory(redis: RedisClient): Promise<void> {
    const { directory, directoryChanges } = this.keys;
    const names = await redis.smembers(directory);
    const sizes = await Promise.all(names.map((name) => redis.hlen(this.keys.instances(name))));
    const empty = names.filter((_, index) => sizes[index] === 0);
    const gone = empty.filter((name) => this.emptyNames.has(name));
    this.emptyNames = new Set(empty.filter((name) => !gone.includes(name)));
    for (const service of gone) {
      await redis.srem(directory, service);
      // An instance enters the index first and the directory then: one that came meanwhile is seen here, or enters later.
      const isBack = (await redis.hlen(this.keys.instances(service))) > 0;
      if (isBack) await redis.sadd(directory, service);
      else await redis.publish(directoryChanges, encodeDirectory({ kind: 'removed', service }));
    }
  }
}
