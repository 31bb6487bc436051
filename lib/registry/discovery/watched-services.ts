import { Subject } from 'rxjs';

import { HydraError } from '../../hydra-error.js';
import { serviceNameProblem } from '../../protocol/address.js';
import { decodeDirectory } from '../../protocol/announcement.js';
import { outside } from '../../runtime/async-context.js';
import type { Context } from '../../redis/context.js';
import type { Subscription } from '../../redis/redis-connections.js';
import type { Timer } from '../../runtime/clock.js';
import { jittered } from '../../runtime/random-source.js';
import { firstLook } from './first-look.js';
import { InstanceChecks } from './instance-checks.js';
import type { ServiceLook } from '../service-look.js';
import { ServiceView, type DiscoveryChange } from './service-view.js';

const CHECK_INTERVAL_MS = 1_000;
/** Names are announced; reading all of them again is for an announcement that got lost. */
const DIRECTORY_CHECKS = 30;
/** A service that was asked for once is watched for this many more checks of the directory. */
const IDLE_ROUNDS = 10;
type WatchedContext = Pick<Context, 'id' | 'redis' | 'keys' | 'options' | 'clock' | 'random'>;

/** What a service without an instance counts towards `discovery.maxInstances`: its view costs little, not nothing. */
const EMPTY_WEIGHT = 0.1;

/**
 * The services whose instances this process knows, and their upkeep.
 *
 * A small registry is watched whole. Above `discovery.maxInstances` only the services are that somebody asked for; of the
 * others the names are known.
 */
export class WatchedServices {
  readonly changes = new Subject<DiscoveryChange>();
  private readonly views = new Map<string, ServiceView>();
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly opening = new Map<string, Promise<ServiceView>>();
  /** The directory: names of services that have, or lately had, an instance. */
  private readonly names = new Set<string>();
  /** How many users need a service: it stays watched meanwhile. */
  private readonly holders = new Map<string, number>();
  private readonly idleRounds = new Map<string, number>();
  private instanceChecks: InstanceChecks;
  private isWhole = true;
  private wantsAll = false;
  private timer: Timer | undefined;
  private checks = 0;
  private stopListening: (() => void)[] = [];
  private isClosed = false;

  constructor(private readonly context: WatchedContext) {
    this.instanceChecks = new InstanceChecks(context, false);
  }

  /**
   * Resolves when the directory, and what is to be watched of it, is known.
   *
   * @param isReader whether this process takes nothing out of the indexes, also where it may
   */
  async start(isReader = false): Promise<void> {
    if (isReader) this.instanceChecks = new InstanceChecks(this.context, true);
    const directory = this.context.redis.subscribe(this.context.keys.directoryChanges, (wire) =>
      this.hearDirectory(wire),
    );
    this.stopListening.push(
      () => directory.unsubscribe(),
      this.context.redis.onState((state) => {
        if (state === 'ready') void this.readAgain();
      }),
    );
    try {
      await this.context.redis.retryWhileUnavailable(async () => {
        await directory.confirmed();
        await this.readDirectory();
      });
    } catch (error) {
      this.hearNoMore();
      throw error;
    }
    this.checkLater();
  }

  stop(): void {
    this.isClosed = true;
    this.context.clock.clear(this.timer);
    this.hearNoMore();
    this.changes.complete();
  }

  private hearNoMore(): void {
    for (const stop of this.stopListening.splice(0)) stop();
  }

  /** The names of the services with a live instance; of those not watched, with one lately. */
  get liveNames(): readonly string[] {
    const names = new Set(this.names);
    for (const { service, instances } of this.views.values()) {
      if (instances.length > 0) names.add(service);
      else names.delete(service);
    }
    return [...names];
  }

  get all(): readonly ServiceView[] {
    return [...this.views.values()];
  }

  /** From memory. */
  get(service: string): ServiceView | undefined {
    const view = this.views.get(service);
    view?.markAsked();
    return view;
  }

  /** What a heartbeat of this process has seen of its own service. */
  beatSeen(look: ServiceLook): void {
    const view = this.views.get(this.context.options.service);
    if (view) void this.instanceChecks.beatSeen(view, look);
  }

  /** Something was received from one of its instances. */
  heardOf(service: string, id: string): void {
    this.views.get(service)?.trust(id);
  }

  /** Whether the directory names it: what is not there has no instance, and need not be watched. */
  isListed(service: string): boolean {
    return this.names.has(service);
  }

  /** As {@link isListed}; if it is not listed, asks Redis, because the announcement may still be on its way. */
  async isRegistered(service: string): Promise<boolean> {
    if (this.isListed(service)) return true;
    const { directory } = this.context.keys;
    return this.context.redis.run(
      'look up service',
      async (redis) => (await redis.sismember(directory, service)) === 1,
    );
  }

  /** Keeps a service watched until the returned function is called. */
  hold(service: string): () => void {
    this.holders.set(service, (this.holders.get(service) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (isHeld) this.release(service);
      isHeld = false;
    };
  }

  private release(service: string): void {
    const left = (this.holders.get(service) ?? 1) - 1;
    if (left > 0) return void this.holders.set(service, left);
    this.holders.delete(service);
    const view = this.views.get(service);
    // Any number of names may be asked for. A service that is not used for a while is not watched any more.
    if (view && !this.names.has(service) && view.size === 0) this.forget(view);
  }

  /** Watches a service, for some minutes unless somebody holds on to it; resolves with its view once it was read. */
  async watch(service: string): Promise<ServiceView> {
    const open = this.opening.get(service);
    if (open) return open;
    const opening = outside(() => this.open(service));
    this.opening.set(service, opening);
    // The next to ask tries again; the view itself is kept, and the checks fill it.
    opening.catch(() => this.opening.delete(service));
    return opening;
  }

  /** Watches every service there is, now and later, however many. */
  async watchAll(): Promise<void> {
    this.wantsAll = true;
    await outside(() => this.readDirectory());
  }

  /** A name came into the directory, or left it. */
  private hearDirectory(wire: string): void {
    const { kind, service } = decodeDirectory(wire) ?? {};
    if (!service) return;
    if (kind === 'removed') this.names.delete(service);
    else if (!this.names.has(service)) void this.adopt([service]).catch(() => undefined);
  }

  /** Announcements were missed, and a failover may have repeated an epoch. So everything is read again. */
  private async readAgain(): Promise<void> {
    await Promise.allSettled([this.readDirectory(), ...this.all.map((view) => view.load())]);
  }

  private checkLater(): void {
    if (this.isClosed) return;
    const { clock, random } = this.context;
    const check = () => void this.check().finally(() => this.checkLater());
    this.timer = clock.setTimeout(check, jittered(CHECK_INTERVAL_MS, random), { isUpkeep: true });
  }

  private async check(): Promise<void> {
    if (!this.context.redis.isReady) return;
    await this.instanceChecks.run(this.all);
    if (++this.checks % DIRECTORY_CHECKS === 0) {
      await this.readDirectory().catch(() => undefined);
      this.forgetIdle();
    }
    this.keepWithinLimit();
  }

  private async readDirectory(): Promise<void> {
    const members = await this.context.redis.run('read directory', (redis) =>
      redis.smembers(this.context.keys.directory),
    );
    const names = members.filter((name) => serviceNameProblem(name) === undefined);
    const present = new Set(names);
    for (const name of this.names) if (!present.has(name)) this.names.delete(name);
    await this.adopt(names);
  }

  /** Names of the directory: watched while the whole is small, or when all are wanted. */
  private async adopt(names: readonly string[]): Promise<void> {
    for (const name of names) this.names.add(name);
    const unknown = names.filter((name) => !this.views.has(name));
    if (unknown.length === 0 || !(this.isWhole || this.wantsAll)) return;
    const sizes = await this.context.redis.run('count instances', (redis) =>
      Promise.all(unknown.map((name) => redis.hlen(this.context.keys.instances(name)))),
    );
    const total = sizes.reduce((sum, size) => sum + (size || EMPTY_WEIGHT), this.instanceCount);
    if (!this.wantsAll && total > this.context.options.discovery.maxInstances) {
      this.isWhole = false;
      return;
    }
    await Promise.all(unknown.map((name) => this.watch(name).catch(unlessForbidden)));
  }

  private get instanceCount(): number {
    let count = 0;
    for (const { size } of this.views.values()) count += size || EMPTY_WEIGHT;
    return count;
  }

  /** The registry became larger than the limit: services that nobody asked for are not watched any more. */
  private keepWithinLimit(): void {
    if (!this.isWhole || this.wantsAll || this.instanceCount <= this.context.options.discovery.maxInstances)
      return;
    this.isWhole = false;
    for (const view of this.all) if (!view.wasAsked && !this.holders.has(view.service)) this.forget(view);
  }

  /** Stops watching services that were asked for once and not again, so that any number of names can be asked for. */
  private forgetIdle(): void {
    for (const view of this.all) {
      const isHeld = this.holders.has(view.service) || (this.names.has(view.service) && this.isWhole);
      const rounds =
        isHeld || view.wasAsked || this.wantsAll ? 0 : (this.idleRounds.get(view.service) ?? 0) + 1;
      view.forgetAsked();
      this.idleRounds.set(view.service, rounds);
      if (rounds >= IDLE_ROUNDS) this.forget(view);
    }
  }

  private forget({ service }: ServiceView): void {
    this.subscriptions.get(service)?.unsubscribe();
    for (const map of [this.views, this.subscriptions, this.opening, this.idleRounds]) map.delete(service);
  }

  private async open(service: string): Promise<ServiceView> {
    let view = this.views.get(service);
    if (!view) {
      view = new ServiceView(service, this.context, (change) => this.changes.next(change));
      this.views.set(service, view);
    }
    // First the channel, then the index: a change in between is seen twice rather than never.
    await this.subscriptionOf(view).confirmed();
    const silent = firstLook(this.context, service);
    await view.load();
    view.doubt(await silent);
    return view;
  }

  private subscriptionOf(view: ServiceView): Subscription {
    const { service } = view;
    const known = this.subscriptions.get(service);
    if (known) return known;
    const channel = this.context.keys.announcements(service);
    const subscription = this.context.redis.subscribe(channel, (wire) => view.hear(wire));
    this.subscriptions.set(service, subscription);
    return subscription;
  }
}

/** Nobody asked for it by its name: that this process may not look at another service must not keep it from its work. */
function unlessForbidden(error: unknown): void {
  if (!(error instanceof HydraError) || error.code !== 'FORBIDDEN') throw error;
}
