import { hostname } from 'node:os';

import { Logger } from '@nestjs/common';

import type { Instance, ResolvedOptions } from '../../hydra-options.js';
import type { Keys } from '../../protocol/keys.js';
import { encodeDirectory } from '../../protocol/announcement.js';
import { encodeNode, encodeService, type InstanceTraits } from '../../protocol/records.js';
import { WIRE } from '../../protocol/rpc.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { isAway } from '../../redis/redis-error.js';
import type { HealthContributors } from '../../runtime/health-contributors.js';
import { HealthReporter } from './health-reporter.js';
import { advertisedHost } from './advertised-host.js';
import { jittered } from '../jitter.js';
import { fingerprint, publishRoutes, restoreRoutes, routeMembers } from '../routes/published-routes.js';
import { beat, leave } from '../registry-scripts.js';

/** After a reconnect instances register again within this time, not all at once. */
const RETURN_WITHIN_MS = 250;
/** A Hydra 1.x instance that registers deletes the routes of others: they are put back within so many heartbeats. */
const ROUTE_BEATS = 3;
/** A health record outlives its instance for as long as Hydra 1.9 leaves it. */
const LAST_HEALTH_MS = 3_000;

/**
 * Writes what this process is: its presence, its records, its routes and its health, as a Hydra 1.9 service writes them,
 * and its place in the service's index, whose changes are announced. Everything is written again after Redis lost it.
 */
export class Presence {
  private readonly logger = new Logger('Hydra');
  private readonly healthReporter: HealthReporter;
  /** Asked for the routes when the instance registers, so that they are there before it is seen. */
  routeSource: () => readonly string[] = () => this.routeList;
  private routeList: readonly string[] = [];
  private record: Instance;
  private timer: NodeJS.Timeout | undefined;
  /** When Redis last confirmed a heartbeat, by `performance.now()`. */
  beatAt = -Infinity;
  /** A change that Redis has not been told yet. */
  private isChanged = false;
  private isAnnouncing = false;
  /** The service's record and routes are in Redis. */
  private isWritten = false;
  private beats = 0;
  /** And its name is in the directory. */
  private isListed = false;
  private isLeaving = false;
  private announcing: Promise<void> | undefined;
  private stopListening: (() => void) | undefined;

  constructor(
    readonly id: string,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly options: ResolvedOptions,
    contributors: HealthContributors,
  ) {
    this.record = {
      id,
      service: options.service,
      description: options.description,
      version: options.version,
      updatedOn: new Date().toISOString(),
      pid: process.pid,
      host: advertisedHost(options.host),
      port: options.port ?? 0,
      hostName: hostname(),
      traits: {
        wire: WIRE,
        serves: false,
        ...(options.tags.length > 0 && { tags: options.tags }),
        ...(Object.keys(options.metadata).length > 0 && { metadata: options.metadata }),
      },
    };
    this.healthReporter = new HealthReporter(redis, keys, options, contributors, () => this.record);
  }

  /** This process as others see it. */
  get self(): Instance {
    return this.record;
  }

  /** Whether it is registered, and kept so. */
  get isAnnounced(): boolean {
    return this.isAnnouncing;
  }

  /** Whether it says that it takes no more work, or has left. */
  get isDraining(): boolean {
    return this.isLeaving || this.record.traits?.draining === true;
  }

  get health(): HealthReporter {
    return this.healthReporter;
  }

  /** Registers the instance and keeps it registered. Call it after the channels are subscribed. Idempotent. */
  announce(): Promise<void> {
    this.announcing ??= this.start().catch((error: unknown) => {
      // Who asks again tries again.
      this.announcing = undefined;
      this.stopListening?.();
      this.isAnnouncing = false;
      throw error;
    });
    return this.announcing;
  }

  /** Changes what this instance says of itself, and announces it if the instance is registered. */
  async update(change: { readonly port?: number; readonly traits?: Partial<InstanceTraits> }): Promise<void> {
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
    this.change({ traits: { routes: fingerprint(routeMembers(this.options.service, routes)) } });
    // Those who hear of the change read the routes: they must be there by then.
    if (this.isAnnounced)
      await this.writeRoutes()
        .then(() => this.heartbeat())
        .catch(this.reportFailure);
  }

  /**
   * Leaves, for good: no caller chooses this instance from now on. The nodes entry stays, because a Hydra 1.x peer that
   * has it in its cache crashes when it is gone. Never throws; without Redis the presence ends by itself.
   */
  async withdraw(): Promise<void> {
    this.isLeaving = true;
    if (!this.isAnnounced) return;
    this.isAnnouncing = false;
    this.isListed = false;
    clearTimeout(this.timer);
    this.stopListening?.();
    this.healthReporter.stop();
    if (!this.redis.isReady) return;
    const { service } = this.options;
    const { keys, id } = this;
    const args = [
      keys.presence(service, id),
      keys.beats(service),
      keys.instances(service),
      keys.epoch(service),
      id,
      keys.announcements(service),
    ];
    const leaving = this.redis.run('withdraw presence', (redis) =>
      Promise.all([leave.run(redis, args), redis.pexpire(keys.health(service, id), LAST_HEALTH_MS)]),
    );
    await leaving.catch(this.reportFailure);
  }

  private change({
    port = this.record.port,
    traits,
  }: {
    port?: number;
    traits?: Partial<InstanceTraits>;
  }): void {
    this.record = { ...this.record, port, traits: { ...this.record.traits!, ...traits } };
    this.isChanged = true;
  }

  private async start(): Promise<void> {
    await this.redis.connect();
    await this.setRoutes(this.routeSource());
    // Withdrawn while Redis was away.
    if (this.isLeaving) return;
    this.isAnnouncing = true;
    this.stopListening = this.redis.onState((state) => {
      if (state !== 'ready') return;
      // Whoever could not reach it meanwhile leaves it out until it is heard of.
      this.isChanged = true;
      this.beatIn(Math.random() * RETURN_WITHIN_MS);
    });
    // Before anyone can see the instance, and again with its first heartbeat if that failed.
    await this.writeRecords().catch(this.reportUnlessRefused);
    await this.heartbeat().catch(this.reportUnlessRefused);
    if (!this.isAnnounced) return;
    this.logger.log(`registered as ${this.options.service} ${this.options.version}, instance ${this.id}`);
    this.beatIn(jittered(this.options.presence.intervalMs));
    this.healthReporter.start();
  }

  private beatIn(delayMs: number): void {
    clearTimeout(this.timer);
    if (!this.isAnnounced) return;
    this.timer = setTimeout(() => {
      this.beatIn(jittered(this.options.presence.intervalMs));
      this.heartbeat().catch(this.reportFailure);
    }, delayMs).unref();
  }

  private async writeRecords(): Promise<void> {
    const { service, type } = this.options;
    const { keys } = this;
    const serviceRecord = encodeService({ service, type, registeredOn: new Date().toISOString() });
    await this.redis.run('register service', (redis) => redis.set(keys.service(service), serviceRecord));
    await this.writeRoutes();
    this.isWritten = true;
  }

  /** Only after the index has the instance: who takes empty names out of the directory looks at the index last. */
  private async enlist(): Promise<void> {
    const { service } = this.options;
    const { directory, directoryChanges } = this.keys;
    await this.redis.run('enter directory', async (redis) => {
      const added = await redis.sadd(directory, service);
      if (added === 1) await redis.publish(directoryChanges, encodeDirectory({ kind: 'added', service }));
    });
    this.isListed = true;
  }

  private async keepRoutes(): Promise<void> {
    if (this.record.traits?.routes === undefined) return;
    const { service } = this.options;
    await this.redis.run('keep routes', (redis) => restoreRoutes(redis, this.keys, service));
  }

  private async writeRoutes(): Promise<void> {
    // An instance without HTTP says nothing about the routes that others of its service may have.
    if (this.record.traits?.routes === undefined) return;
    const { service } = this.options;
    await this.redis.run('register routes', (redis) =>
      publishRoutes(redis, this.keys, service, this.routeList),
    );
  }

  private async heartbeat(): Promise<void> {
    // Without a connection there is nothing to renew; the next 'ready' does it at once.
    if (!this.redis.isReady || !this.isAnnounced) return;
    const { serverId } = this.redis;
    if (serverId !== this.record.traits?.server) this.change({ traits: { server: serverId } });
    const hadChanged = this.isChanged;
    this.isChanged = false;
    const isNew = await this.renew(hadChanged ? 'change' : 'beat').catch((error: unknown) => {
      this.isChanged ||= hadChanged;
      throw error;
    });
    this.beatAt = performance.now();
    // Not in the index: it is new here, or Redis lost its data, and the other records with it.
    if (isNew) {
      this.isWritten &&= !this.isListed;
      this.isListed = false;
    }
    if (!this.isWritten) await this.writeRecords();
    if (!this.isListed) await this.enlist();
    if (++this.beats % ROUTE_BEATS === 0) await this.keepRoutes();
  }

  /** Renews the presence and the nodes entry. True when the index did not have this instance. */
  private async renew(kind: 'beat' | 'change'): Promise<boolean> {
    const { service, presence } = this.options;
    const { keys, id } = this;
    const { isCluster } = this.redis;
    this.record = { ...this.record, updatedOn: new Date().toISOString() };
    const record = encodeNode(this.record);
    const used = [
      keys.presence(service, id),
      keys.beats(service),
      keys.instances(service),
      keys.epoch(service),
    ];
    // On a Cluster the nodes hash has another slot.
    if (!isCluster) used.push(keys.nodes);
    const args = [...used, id, presence.ttlMs, record, keys.announcements(service), kind];
    const [isNew] = await this.redis.run('renew presence', (redis) =>
      Promise.all([
        beat.run(redis, args, used.length),
        isCluster ? redis.hset(keys.nodes, id, record) : undefined,
      ]),
    );
    return isNew === 1;
  }

  /** At the start: what Redis refuses for good is not worth waiting for. */
  private readonly reportUnlessRefused = (error: unknown): void => {
    if (!isAway(error)) throw error;
    this.reportFailure(error);
  };

  private readonly reportFailure = (error: unknown): void => {
    this.logger.warn(`presence of ${this.options.service}: ${String(error)}`);
  };
}
