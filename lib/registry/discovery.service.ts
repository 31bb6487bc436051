import { filter, Observable, Subscription } from 'rxjs';

import { HydraError } from '../hydra.error.js';
import {
  LONGEST_TIMER_MS,
  refuseUnknown,
  serviceName,
  type Instance,
  type NamesOf,
  type ResolvedOptions,
} from '../hydra.options.js';
import type { Keys } from '../protocol/keys.js';
import { decodeHealth, type HealthRecord, type ServiceRecord } from '../protocol/records.js';
import { outside } from '../redis/async.context.js';
import { IgnorablePromises } from '../redis/ignorable.js';
import type { RedisConnections } from '../redis/redis.connections.js';
import { LegacyBridge } from './legacy.bridge.js';
import { InstanceLogs, type InstanceLogEntry, type LogOptions, type LogSource } from './instance.logs.js';
import { matchRoutes, type RouteMatch } from './route.match.js';
import type { DiscoveryChange, ServiceView } from './service.view.js';
import { WatchedServices } from './watched.services.js';

const NONE: readonly Instance[] = Object.freeze([]);
const ALL = '*';

/** @publicApi */
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
 * What it knows is pushed to it by announcements and checked every second; no read waits for Redis, and while Redis is
 * away the last that was known stays. Names are lower-cased.
 *
 * A registry of up to `discovery.maxInstances` instances is known whole. In a larger one a service is known from the moment
 * it is first asked for; `watch('*')` asks for all.
 *
 * @publicApi
 */
@IgnorablePromises
export class DiscoveryService {
  /** Every join, change and leave of the services that are watched. */
  readonly changes$: Observable<DiscoveryChange>;

  private readonly watched: WatchedServices;
  private readonly bridge: LegacyBridge;
  private readonly instanceLogs: InstanceLogs;
  private starting: Promise<void> | undefined;
  private isClosed = false;

  constructor(
    /** The id of this process's own instance. */
    readonly instanceId: string,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    options: ResolvedOptions,
  ) {
    this.watched = new WatchedServices(redis, keys, options);
    this.changes$ = this.watched.changes.asObservable();
    this.bridge = new LegacyBridge(instanceId, redis, keys);
    this.instanceLogs = new InstanceLogs(redis, keys, (name) => this.current(name));
  }

  /**
   * Begins to watch; resolves when every service that is registered now is known. Idempotent.
   *
   * @param isReader whether this process only looks: it takes no part in the upkeep of the registry
   */
  start(isReader = false): Promise<void> {
    this.starting ??= outside(() => this.begin(isReader));
    return this.starting;
  }

  /** The names of all services that have a live instance; in a large registry, also of those that lately had one. */
  services(): readonly string[] {
    return this.watched.liveNames;
  }

  /** The live instances of a service; empty when there is none. The same frozen array until something changes. */
  instances(service: string): readonly Instance[] {
    const view = this.watched.get(service) ?? this.watched.get(service.toLowerCase());
    if (view) return view.instances;
    // Asked about for the first time: known from the next moment on.
    this.watchInBackground(service.toLowerCase(), false);
    return NONE;
  }

  /** One instance by its id, suspected ones included. */
  instance(service: string, id: string): Instance | undefined {
    return this.watched.get(service.toLowerCase())?.get(id);
  }

  /** A service's record, once it is known that the service was ever registered. */
  find(service: string): ServiceRecord | undefined {
    return this.watched.get(service.toLowerCase())?.record;
  }

  /** Whether a service has a live instance. */
  has(service: string): boolean {
    return this.instances(service).length > 0;
  }

  /**
   * Resolves with the live instances once there are enough of them.
   *
   * @throws HydraError `NO_INSTANCE` when there are not, within `timeoutMs`; `CLOSED` when the application stops
   */
  async waitFor(service: string, options: WaitOptions = {}): Promise<readonly Instance[]> {
    refuseUnknown('waitFor', options, WAIT_NAMES);
    const { min = 1, timeoutMs = 30_000 } = options;
    const name = serviceName(service);
    this.watchInBackground(name, true);
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        subscription.unsubscribe();
        clearTimeout(timer);
        act();
      };
      const look = () => {
        const found = this.instances(name);
        if (found.length >= min) finish(() => resolve(found));
      };
      const subscription = new Subscription();
      const timer = setTimeout(
        () => {
          const text = `${this.instances(name).length} of ${min} instances of "${name}" within timeoutMs=${timeoutMs}`;
          finish(() => reject(new HydraError('NO_INSTANCE', text)));
        },
        Math.min(timeoutMs, LONGEST_TIMER_MS),
      );
      const fail = () => finish(() => reject(closedError(name)));
      subscription.add(this.changes$.subscribe({ next: look, complete: fail }));
      look();
    });
  }

  /**
   * A service's live instances, now and after each change. `'*'` stands for all services, however many: from then on
   * everything is kept in memory.
   */
  watch(service: string): Observable<readonly Instance[]> {
    const name = service === ALL ? ALL : serviceName(service);
    const now = () =>
      name === ALL ? this.watched.all.flatMap(({ instances }) => instances) : this.instances(name);
    this.watchInBackground(name, true);
    return new Observable((observer) => {
      observer.next(now());
      return this.changes$.pipe(filter((change) => name === ALL || change.service === name)).subscribe({
        next: () => observer.next(now()),
        complete: () => observer.complete(),
      });
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
    const texts = await this.redis.run('read health', (redis) =>
      Promise.all(instances.map(({ id }) => redis.get(this.keys.health(name, id)))),
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
   * What they log from now on, instances that join later included. Looked for four times a second while subscribed. With a
   * `limit`, first so many of the newest entries that are there already.
   */
  follow(
    of: string | LogSource,
    options: Pick<LogOptions, 'level' | 'limit'> = {},
  ): Observable<InstanceLogEntry> {
    return this.instanceLogs.follow(of, options);
  }

  /** The HTTP routes of a service, or of all that are watched, as `[verb]/path`, by service. From memory. */
  routes(service?: string): Readonly<Record<string, readonly string[]>> {
    if (service === undefined)
      return Object.fromEntries(this.watched.all.map((view) => [view.service, view.routes.list]));
    const name = serviceName(service);
    const view = this.watched.get(name);
    if (!view) this.watchInBackground(name, false);
    return { [name]: view?.routes.list ?? [] };
  }

  /**
   * The service, among those that are watched and have a live instance, whose route serves this request; where several do,
   * the one whose route says more of the path. From memory. A query string is ignored.
   */
  match(method: string, path: string): RouteMatch | undefined {
    return matchRoutes(
      this.watched.all.filter(({ instances }) => instances.length > 0),
      method,
      path,
    );
  }

  /** An instance sent something to this process: it is not silent. @internal */
  heardOf(service: string, id: string): void {
    this.watched.heardOf(service, id);
  }

  /** The view of one service, loaded: what a client chooses from. @internal */
  async viewOf(service: string): Promise<ServiceView> {
    await this.start();
    return this.watched.watch(service, true);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.bridge.stop();
    this.watched.stop();
  }

  private async begin(isReader: boolean): Promise<void> {
    await this.watched.start(!isReader);
    if (!isReader) this.bridge.start();
  }

  private watchInBackground(service: string, isPinned: boolean): void {
    if (this.isClosed) return;
    void this.start()
      .then(() =>
        service === ALL
          ? this.watched.watchAll()
          : this.watched.watch(service, isPinned).then(() => undefined),
      )
      .catch(() => undefined);
  }

  private async current(service: string): Promise<readonly Instance[]> {
    await this.start();
    return (await this.watched.watch(service, false)).instances;
  }
}

function closedError(service: string): HydraError {
  return new HydraError('CLOSED', `waiting for "${service}": discovery closed`);
}
