import { hostname } from 'node:os';

import { Logger } from '@nestjs/common';

import type { Instance } from '../../hydra-options.js';
import { encodeDirectory } from '../../protocol/announcement.js';
import { encodeNode, encodeService, type InstanceCapabilities } from '../../protocol/records.js';
import { WIRE } from '../../protocol/rpc.js';
import type { Context } from '../../redis/context.js';
import { isAway } from '../../redis/redis-error.js';
import type { Timer } from '../../runtime/clock.js';
import { jittered } from '../../runtime/random-source.js';
import { HealthReporter } from './health-reporter.js';
import { advertisedHost } from './advertised-host.js';
import { fingerprint, publishRoutes, restoreRoutes, routeMembers } from '../routes/published-routes.js';
import { beat, enterDirectory, leave, writeService } from '../registry-scripts.js';
import type { ServiceLook } from '../service-look.js';

type PresenceContext = Pick<
  Context,
  'id' | 'redis' | 'keys' | 'options' | 'clock' | 'random' | 'health' | 'metrics'
>;

/** After a reconnect, instances register again at random moments within this time. */
const RETURN_WITHIN_MS = 250;
/**
 * A Hydra 1.x instance that registers deletes the routes of its service. They are written again within this number of
 * heartbeats.
 */
const ROUTE_BEATS = 3;
/** A health record outlives its instance for as long as Hydra 1.9 leaves it. */
const LAST_HEALTH_MS = 3_000;

/**
 * ```text
 *   silent ── announce() ──▶ announced ── withdraw() ──▶ withdrawn
 *     └──────────────── withdraw() ─────────────────────────▲
 * ```
 */
type State = 'silent' | 'announced' | 'withdrawn';

/** How much is stored in Redis: nothing; the service's record and routes; also the name in the directory. */
type Stored = 'nothing' | 'records' | 'listed';

/**
 * Registers this process: writes its presence, records, routes and health in the format of Hydra 1.9, and enters it in
 * the index of its service, which announces changes. Everything is written again after Redis lost it.
 */
export class Presence {
  private readonly logger = new Logger('Hydra');
  private readonly healthReporter: HealthReporter;
  private state: State = 'silent';
  private stored: Stored = 'nothing';
  private routeSource = (): readonly string[] => this.routeList;
  private routeList: readonly string[] = [];
  private record: Instance;
  private timer: Timer | undefined;
  private lastBeatAt = -Infinity;
  /** A change that is not written to Redis yet. */
  private isChanged = false;
  private beats = 0;
  private announcing: Promise<void> | undefined;
  private stopListening: (() => void) | undefined;
  private beatListener: ((look: ServiceLook) => void) | undefined;

  constructor(private readonly context: PresenceContext) {
    const { options } = context;
    this.record = {
      id: context.id,
      service: options.service,
      description: options.description,
      version: options.version,
      updatedOn: this.now(),
      pid: process.pid,
      host: advertisedHost(options.host),
      port: options.port ?? 0,
      hostName: hostname(),
      capabilities: {
        wireVersion: WIRE,
        acceptsCalls: false,
        ...(options.tags.length > 0 && { tags: options.tags }),
        ...(Object.keys(options.metadata).length > 0 && { metadata: options.metadata }),
      },
    };
    this.healthReporter = new HealthReporter(context, () => this.record);
  }

  /** This process as others see it. */
  get self(): Instance {
    return this.record;
  }

  /** Whether it is registered, and kept so. */
  get isAnnounced(): boolean {
    return this.state === 'announced';
  }

  /** Whether it is marked draining, or has left. */
  get isDraining(): boolean {
    return this.state === 'withdrawn' || this.record.capabilities?.draining === true;
  }

  /** Is told what each heartbeat has seen of the service. */
  onBeat(listener: (look: ServiceLook) => void): void {
    this.beatListener = listener;
  }

  /** When Redis last confirmed a heartbeat, by the monotonic clock. */
  get beatAt(): number {
    return this.lastBeatAt;
  }

  /** How late the event loop ran between the last two health records, in milliseconds, by percentile. */
  get eventLoopDelayMs(): Readonly<Record<string, number>> {
    return this.healthReporter.eventLoopDelayMs;
  }

  /**
   * Gives the source of the routes. It is read when the instance registers, so that the routes are stored before others
   * see the instance.
   */
  takeRoutesFrom(source: () => readonly string[]): void {
    this.routeSource = source;
  }

  /** Registers the instance and keeps it registered. Call it after the channels are subscribed. Idempotent. */
  announce(): Promise<void> {
    this.announcing ??= this.start().catch((error: unknown) => {
      // The next call tries again.
      this.announcing = undefined;
      this.stopListening?.();
      if (this.isAnnounced) this.state = 'silent';
      throw error;
    });
    return this.announcing;
  }

  /** Changes the record of this instance, and announces the change if the instance is registered. */
  async update(change: {
    readonly host?: string;
    readonly port?: number;
    readonly capabilities?: Partial<InstanceCapabilities>;
  }): Promise<void> {
    this.change(change);
    if (this.isAnnounced) await this.heartbeat().catch(this.reportFailure);
  }

  /**
   * The HTTP routes of the service, `[verb]/path` each. Instances of one service must publish the same ones; one without
   * any leaves those of the others alone.
   */
  async setRoutes(routes: readonly string[]): Promise<void> {
    if (routes.length === this.routeList.length && routes.every((route) => this.routeList.includes(route)))
      return;
    this.routeList = routes;
    this.change({
      capabilities: { routes: fingerprint(routeMembers(this.context.options.service, routes)) },
    });
    // Readers of the announcement read the routes, so these must be stored first.
    if (this.isAnnounced)
      await this.writeRoutes()
        .then(() => this.heartbeat())
        .catch(this.reportFailure);
  }

  /**
   * Leaves permanently: no caller chooses this instance from now on. The nodes entry stays, because a Hydra 1.x peer that
   * has it in its cache crashes when it is gone. Never throws; without Redis the presence ends by itself.
   */
  async withdraw(): Promise<void> {
    const wasAnnounced = this.isAnnounced;
    this.state = 'withdrawn';
    if (!wasAnnounced) return;
    const { id, redis, keys, options, clock } = this.context;
    clock.clear(this.timer);
    this.stopListening?.();
    this.healthReporter.stop();
    if (!redis.isReady) return;
    const { service } = options;
    const args = [
      keys.presence(service, id),
      keys.beats(service),
      keys.instances(service),
      keys.epoch(service),
      id,
      keys.announcements(service),
    ];
    const leaving = redis.run('withdraw presence', (client) =>
      Promise.all([
        leave.run(client, args),
        client.pexpire(keys.health(service, id), LAST_HEALTH_MS),
        client.del(keys.edges(service, id)),
      ]),
    );
    await leaving.catch(this.reportFailure);
  }

  private change({
    host = this.record.host,
    port = this.record.port,
    capabilities,
  }: {
    host?: string;
    port?: number;
    capabilities?: Partial<InstanceCapabilities>;
  }): void {
    this.record = {
      ...this.record,
      host,
      port,
      capabilities: { ...this.record.capabilities!, ...capabilities },
    };
    this.isChanged = true;
  }

  private async start(): Promise<void> {
    const { id, redis, options, random } = this.context;
    await redis.connect();
    await this.setRoutes(this.routeSource());
    // Withdrawn while Redis was away.
    if (this.state === 'withdrawn') return;
    this.state = 'announced';
    this.stopListening = redis.onState((state) => {
      if (state !== 'ready') return;
      // Callers that could not reach it meanwhile leave it out until they receive something from it.
      this.isChanged = true;
      this.beatIn(random.float() * RETURN_WITHIN_MS);
    });
    // Before anyone can see the instance, and again with its first heartbeat if that failed.
    await this.writeRecords().catch(this.reportUnlessRefused);
    await this.heartbeat().catch(this.reportUnlessRefused);
    if (!this.isAnnounced) return;
    this.logger.log(`registered as ${options.service} ${options.version}, instance ${id}`);
    this.beatIn(jittered(options.presence.intervalMs, random));
    this.healthReporter.start();
  }

  private beatIn(delayMs: number): void {
    const { clock, random, options } = this.context;
    clock.clear(this.timer);
    if (!this.isAnnounced) return;
    const beatAgain = () => {
      this.beatIn(jittered(options.presence.intervalMs, random));
      this.heartbeat().catch(this.reportFailure);
    };
    this.timer = clock.setTimeout(beatAgain, delayMs, { isUpkeep: true });
  }

  private async writeRecords(): Promise<void> {
    const { redis, keys, options } = this.context;
    const { service, type } = options;
    const serviceRecord = encodeService({ service, type, registeredOn: this.now() });
    await redis.run('register service', (client) =>
      writeService.run(client, [keys.service(service), serviceRecord]),
    );
    await this.writeRoutes();
    if (this.stored === 'nothing') this.stored = 'records';
  }

  /** Only after the index has the instance: the pruner of the directory checks the index last. */
  private async enlist(): Promise<void> {
    const { redis, keys, options } = this.context;
    const { service } = options;
    const announcement = encodeDirectory({ kind: 'added', service });
    await redis.run('enter directory', (client) =>
      enterDirectory.run(client, [keys.directory, service, keys.directoryChanges, announcement]),
    );
    this.stored = 'listed';
  }

  private tellWhereItListens(): void {
    const { serverId: server, shards } = this.context.redis;
    const sharded = shards.isActive || undefined;
    const { capabilities } = this.record;
    if (server === capabilities?.server && sharded === capabilities?.sharded) return;
    this.change({ capabilities: { server, sharded } });
  }

  private async keepRoutes(): Promise<void> {
    if (this.record.capabilities?.routes === undefined) return;
    const { redis } = this.context;
    await redis.run('keep routes', (client) => restoreRoutes(client, this.context));
  }

  private async writeRoutes(): Promise<void> {
    // An instance without HTTP says nothing about the routes that others of its service may have.
    if (this.record.capabilities?.routes === undefined) return;
    const { redis } = this.context;
    await redis.run('register routes', (client) => publishRoutes(client, this.context, this.routeList));
  }

  private async heartbeat(): Promise<void> {
    // Without a connection nothing can be renewed. The next 'ready' renews everything at once.
    const { redis, clock } = this.context;
    if (!redis.isReady || !this.isAnnounced) return;
    this.tellWhereItListens();
    const hadChanged = this.isChanged;
    this.isChanged = false;
    const isNew = await this.renew(hadChanged ? 'change' : 'beat').catch((error: unknown) => {
      this.isChanged ||= hadChanged;
      throw error;
    });
    this.lastBeatAt = clock.monotonic();
    // The index did not contain it: it is new, or Redis lost its data together with the other records.
    if (isNew && this.stored === 'listed') this.stored = 'nothing';
    if (this.stored === 'nothing') await this.writeRecords();
    if (this.stored !== 'listed') await this.enlist();
    if (++this.beats % ROUTE_BEATS === 0) await this.keepRoutes();
  }

  /** Renews the presence and the nodes entry. True when the index did not have this instance. */
  private async renew(kind: 'beat' | 'change'): Promise<boolean> {
    const { id, redis, keys, options } = this.context;
    const { service, presence } = options;
    const { isSharded } = redis;
    this.record = { ...this.record, updatedOn: this.now() };
    const record = encodeNode(this.record);
    const used = [
      keys.presence(service, id),
      keys.beats(service),
      keys.instances(service),
      keys.epoch(service),
    ];
    // On a Cluster the nodes hash has another slot.
    if (!isSharded) used.push(keys.nodes);
    const sentAt = this.context.clock.monotonic();
    const echo = redis.echoDue(presence.intervalMs);
    const args = [...used, id, presence.ttlMs, record, keys.announcements(service), kind, ...echo];
    const [[isNew, receivers, redisTime, epoch, isOverdue]] = await redis.run('renew presence', (client) =>
      Promise.all([
        beat.run(client, args, used.length),
        isSharded ? client.hset(keys.nodes, id, record) : undefined,
      ]),
    );
    redis.wrote(sentAt, receivers);
    const isNews = isNew === 1 || kind === 'change';
    if (redisTime !== undefined)
      this.beatListener?.({
        sentAt,
        redisTime: Number(redisTime),
        epoch: isNews ? undefined : epoch,
        isOverdue: isOverdue === 1,
      });
    return isNew === 1;
  }

  private now(): string {
    return new Date(this.context.clock.now()).toISOString();
  }

  /** At the start: a permanent refusal of Redis is an error, and not something to wait for. */
  private readonly reportUnlessRefused = (error: unknown): void => {
    if (!isAway(error)) throw error;
    this.reportFailure(error);
  };

  private readonly reportFailure = (error: unknown): void => {
    this.logger.warn(`presence of ${this.context.options.service}: ${String(error)}`);
  };
}
