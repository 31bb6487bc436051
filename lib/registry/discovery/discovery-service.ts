import { filter, Observable, Subscription } from 'rxjs';

import { HydraError } from '../../hydra-error.js';
import { refuseUnknown, serviceName, type Instance, type NamesOf } from '../../hydra-options.js';
import { decodeEdges } from '../../protocol/edges.js';
import { decodeHealth, type HealthRecord, type ServiceRecord } from '../../protocol/records.js';
import { outside } from '../../runtime/async-context.js';
import { IgnorablePromises } from '../../runtime/ignorable.js';
import type { Context } from '../../redis/context.js';
import { LegacyBridge } from '../bridge/legacy-bridge.js';
import { InstanceLogs, type InstanceLogEntry, type LogOptions, type LogSource } from '../instance-logs.js';
import { warnOfOtherLayout } from '../other-layout.js';
import { mergeTopology, type Topology } from '../topology/topology.js';
import { matchRoutes, type RouteMatch } from '../routes/route-match.js';
import type { ServiceLook } from '../service-look.js';
import type { DiscoveryChange, ServiceView } from './service-view.js';
import { WatchedServices } from './watched-services.js';

const NONE: readonly Instance[] = Object.freeze([]);
const ALL = '*';

/**
 * How many instances to wait for, and how long.
 *
 * @publicApi
 */
export interface WaitOptions {
  /** How many live instances to wait for. @defaultValue 1 */
  readonly min?: number;
  /** How long to wait, in milliseconds. @defaultValue 30000 */
  readonly timeoutMs?: number;
}

const WAIT_NAMES = { min: true, timeoutMs: true } satisfies NamesOf<WaitOptions>;

/**
 * Who is alive, answered from memory.
 *
 * Announcements keep the list current, and it is checked every second. No read waits for Redis, and during an outage
 * the last known list stays. Names are converted to lower case.
 *
 * In a registry of up to `discovery.maxInstances` instances, all of them are known. In a larger one a service is known
 * after it was first asked for; `watch('*')` asks for all.
 *
 * @publicApi
 */
@IgnorablePromises
export class DiscoveryService {
  /** The id of this process's own instance. */
  readonly instanceId: string;
  /** Every join, change and leave of the services that are watched. */
  readonly changes$: Observable<DiscoveryChange>;

  private readonly watched: WatchedServices;
  private readonly bridge: LegacyBridge;
  private readonly instanceLogs: InstanceLogs;
  private starting: Promise<void> | undefined;
  private isClosed = false;

  constructor(
    private readonly context: Pick<Context, 'id' | 'redis' | 'keys' | 'options' | 'clock' | 'random'>,
  ) {
    this.instanceId = context.id;
    this.watched = new WatchedServices(context);
    this.changes$ = this.watched.changes.asObservable();
    this.bridge = new LegacyBridge(context);
    this.instanceLogs = new InstanceLogs(context, (name) => this.current(name));
  }

  /**
   * Begins to watch; resolves when every service that is registered now is known. Idempotent.
   *
   * @param isReader whether this process only reads, and does not maintain the registry
   */
  start(isReader = false): Promise<void> {
    this.starting ??= outside(() => this.begin(isReader)).catch((error: unknown) => {
      // The next call tries again.
      this.starting = undefined;
      throw error;
    });
    return this.starting;
  }

  /**
   * The names of all services that have a live instance. In a large registry, also of services that had one in the last
   * two minutes.
   */
  services(): readonly string[] {
    return this.watched.liveNames;
  }

  /** The live instances of a service; empty when there is none. The same frozen array until something changes. */
  instances(service: string): readonly Instance[] {
    return this.known(service)?.instances ?? NONE;
  }

  /** One instance by its id, suspected ones included. */
  instance(service: string, id: string): Instance | undefined {
    return this.watched.get(service.toLowerCase())?.get(id);
  }

  /** A service's record, once it is known that the service was ever registered. */
  find(service: string): ServiceRecord | undefined {
    return this.watched.get(service.toLowerCase())?.record;
  }

  /**
   * Whether a service has a live instance that handles calls, jobs, stream entries, or HTTP at a port that it
   * advertises. An instance that only makes calls, or that is stopping, does not count.
   */
  has(service: string): boolean {
    return (this.known(service)?.available.length ?? 0) > 0;
  }

  /**
   * Resolves with the live instances that {@link has} counts, as soon as there are enough of them.
   *
   * @throws HydraError `NO_INSTANCE` when there are not, within `timeoutMs`; `CLOSED` when the application stops
   */
  async waitFor(service: string, options: WaitOptions = {}): Promise<readonly Instance[]> {
    refuseUnknown('waitFor', options, WAIT_NAMES);
    const { min = 1, timeoutMs = 30_000 } = options;
    const name = serviceName(service);
    const release = this.watched.hold(name);
    this.inBackground(() => this.watched.watch(name));
    const available = () => this.watched.get(name)?.available ?? NONE;
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        release();
        subscription.unsubscribe();
        this.context.clock.clear(timer);
        act();
      };
      const look = () => {
        const found = available();
        if (found.length >= min) finish(() => resolve(found));
      };
      const subscription = new Subscription();
      const late = () => {
        const text = `${available().length} of ${min} instances of "${name}" within timeoutMs=${timeoutMs}`;
        finish(() => reject(new HydraError('NO_INSTANCE', text)));
      };
      const timer = this.context.clock.setTimeout(late, timeoutMs, { ref: true });
      const fail = () => finish(() => reject(closedError(name)));
      subscription.add(this.changes$.subscribe({ next: look, complete: fail }));
      look();
    });
  }

  /**
   * A service's live instances, now and after each change. `'*'` means all services: from then on all of them are kept
   * in memory.
   */
  watch(service: string): Observable<readonly Instance[]> {
    const name = service === ALL ? ALL : serviceName(service);
    const now = () =>
      name === ALL ? this.watched.all.flatMap(({ instances }) => instances) : this.instances(name);
    if (name === ALL) this.inBackground(() => this.watched.watchAll());
    return new Observable((observer) => {
      const release = name === ALL ? undefined : this.watched.hold(name);
      if (name !== ALL) this.inBackground(() => this.watched.watch(name));
      observer.next(now());
      const subscription = this.changes$
        .pipe(filter((change) => name === ALL || change.service === name))
        .subscribe({ next: () => observer.next(now()), complete: () => observer.complete() });
      return () => {
        subscription.unsubscribe();
        release?.();
      };
    });
  }

  /**
   * The health records of a service's live instances, read from Redis.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`
   */
  async health(service: string): Promise<readonly HealthRecord[]> {
    const name = serviceName(service);
    const instances = await this.current(name);
    const { redis, keys } = this.context;
    const texts = await redis.run('read health', (client) =>
      Promise.all(instances.map(({ id }) => client.get(keys.health(name, id)))),
    );
    return texts.map(decodeHealth).filter((record) => record !== undefined);
  }

  /**
   * What the live instances of a service, or one of them, logged: oldest first, by the writers' clocks. Read from Redis.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`
   */
  logs(of: string | LogSource, options: LogOptions = {}): Promise<readonly InstanceLogEntry[]> {
    return this.instanceLogs.read(of, options);
  }

  /**
   * The entries that they log from now on, also of instances that join later. It reads four times a second while it has
   * a subscriber. With a `limit` it first emits that many of the newest existing entries.
   */
  follow(
    of: string | LogSource,
    options: Pick<LogOptions, 'level' | 'limit'> = {},
  ): Observable<InstanceLogEntry> {
    return this.instanceLogs.follow(of, options);
  }

  /**
   * Who calls whom, as all living instances have counted since they began: calls, events, HTTP requests, jobs and entries of streams.
   * Instances write it every `health.intervalMs`, and only when something has happened. What a process counted after it had
   * written last is lost when it ends.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`
   */
  async topology(): Promise<Topology> {
    await this.start();
    const { redis, keys } = this.context;
    const found = await Promise.all(this.services().map((service) => this.current(service)));
    const instances = found.flat();
    const texts = await redis.run('read topology', (client) =>
      Promise.all(instances.map(({ service, id }) => client.get(keys.edges(service, id)))),
    );
    return mergeTopology(
      instances.map(({ service }, index) => ({ service, told: decodeEdges(texts[index] ?? null) })),
    );
  }

  /** The HTTP routes of a service, or of all that are watched, as `[verb]/path`, by service. From memory. */
  routes(service?: string): Readonly<Record<string, readonly string[]>> {
    if (service === undefined)
      return Object.fromEntries(this.watched.all.map((view) => [view.service, view.routes.list]));
    const name = serviceName(service);
    return { [name]: this.known(name)?.routes.list ?? [] };
  }

  /**
   * The service whose route matches this request, among the watched services with a live instance that {@link has}
   * counts. If several routes match, the most specific one wins. From memory. A query string is ignored.
   */
  match(method: string, path: string): RouteMatch | undefined {
    return matchRoutes(
      this.watched.all.filter(({ available }) => available.length > 0),
      method,
      path,
    );
  }

  /** An instance sent something to this process: it is not silent. @internal */
  heardOf(service: string, id: string): void {
    this.watched.heardOf(service, id);
  }

  /** What a heartbeat of this process has seen of its own service. @internal */
  beatSeen(look: ServiceLook): void {
    this.watched.beatSeen(look);
  }

  /** The view of one service, loaded: what a client chooses from. @internal */
  async viewOf(service: string): Promise<ServiceView> {
    await this.start();
    this.watched.hold(service);
    return this.watched.watch(service);
  }

  /**
   * The live instances of a service, also when it is asked for the first time. Empty for a service that is not
   * registered. @internal
   */
  async current(service: string): Promise<readonly Instance[]> {
    await this.start();
    if (!this.watched.get(service) && !(await this.watched.isRegistered(service))) return NONE;
    return (await this.watched.watch(service)).instances;
  }

  /** Stops watching. A `waitFor` in progress rejects with `CLOSED`. Idempotent. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.bridge.stop();
    this.watched.stop();
  }

  private async begin(isReader: boolean): Promise<void> {
    await this.watched.start(isReader);
    if (!isReader && this.context.options.discovery.upkeep) this.bridge.start();
    // It looks, and nothing depends on it.
    void warnOfOtherLayout(this.context).catch(() => undefined);
  }

  /**
   * From memory. When a registered service is asked for the first time, its instances are loaded in the background. For
   * any other name nothing is stored or loaded, so names may come from untrusted input.
   */
  private known(name: string): ServiceView | undefined {
    const service = this.watched.get(name) ? name : name.toLowerCase();
    const view = this.watched.get(service);
    if (!view && (!this.starting || this.watched.isListed(service))) {
      this.inBackground(async () => this.watched.isListed(service) && this.watched.watch(service));
    }
    return view;
  }

  private inBackground(act: () => Promise<unknown>): void {
    if (this.isClosed) return;
    void this.start()
      .then(act)
      .catch(() => undefined);
  }
}

function closedError(service: string): HydraError {
  return new HydraError('CLOSED', `waiting for "${service}": discovery closed`);
}
