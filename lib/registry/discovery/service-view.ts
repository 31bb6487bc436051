import type { Instance } from '../../hydra-options.js';
import { instanceSuspected } from '../../diagnostics/channels.js';
import { decodeAnnouncement, type Announcement } from '../../protocol/announcement.js';
import { decodeNode, decodeService, type ServiceRecord } from '../../protocol/records.js';
import type { Context } from '../../redis/context.js';
import { RECONNECT_GRACE_MS, isInReconnectGrace } from '../reconnect-grace.js';
import { snapshot } from '../registry-scripts.js';
import { ServiceRoutes } from '../routes/service-routes.js';

/**
 * A change of what is known about a service's instances.
 *
 * @publicApi
 */
export interface DiscoveryChange {
  /** `join`: the instance registered; `change`: its record changed; `leave`: it left or died. */
  readonly kind: 'join' | 'change' | 'leave';
  /** Name of its service. */
  readonly service: string;
  /** The instance with its current record, or its last one. */
  readonly instance: Instance;
}

/** An instance that a PUBLISH did not reach is left out for this long, unless something is received from it before. */
const SUSPECT_MS = 500;
/** By then one that has died is out of the index, and one that lives has been heard of. */
const DOUBT_MS = 5_000;

/**
 * Why an instance is left out. `unreached`: a PUBLISH did not reach it, and it may reconnect at any moment. `stopping`:
 * it refused a call because it is stopping.
 */
export type Suspicion = 'unreached' | 'stopping';

const NONE: readonly Instance[] = Object.freeze([]);

interface Suspect {
  readonly why: Suspicion;
  /** The instant until which it is left out. */
  until: number;
}

/**
 * What this process knows about one service: its live instances. Announcements keep the list current, and the epoch
 * shows whether one was missed.
 *
 * When the index loses many instances that did not announce that they leave (a FLUSHALL, a failover, an empty replica),
 * the known ones are kept for a while. They register again within a heartbeat, and calls to a dead one are noticed
 * anyway.
 */
export class ServiceView {
  readonly routes: ServiceRoutes;
  private asked = false;
  private readonly known = new Map<string, Instance>();
  private readonly suspects = new Map<string, Suspect>();
  /** id → the instant until which it is kept although the index does not have it. */
  private readonly missing = new Map<string, number>();
  /** Those that the index has although their presence has ended, where this process may only look. */
  private readonly absent = new Map<string, Instance>();
  private live: readonly Instance[] | undefined;
  private serving: readonly Instance[] | undefined;
  private giving: readonly Instance[] | undefined;
  private silent: readonly Instance[] | undefined;
  private unreported: DiscoveryChange[] = [];
  private serviceRecord: ServiceRecord | undefined;
  private epoch = '';
  private loading: Promise<void> | undefined;
  /** Heard while the index was being read: the reading may be older than they are. */
  private backlog: Announcement[] = [];

  constructor(
    readonly service: string,
    private readonly context: Pick<Context, 'id' | 'redis' | 'keys' | 'clock'>,
    private readonly report: (change: DiscoveryChange) => void,
  ) {
    this.routes = new ServiceRoutes(service, context);
  }

  /**
   * The live instances that are not suspected; if all are suspected, all of them. The same frozen array until something
   * changes.
   */
  get instances(): readonly Instance[] {
    // Made when asked for: of a thousand joins in one tick, one array.
    this.live ??= Object.freeze(this.trustedOf([...this.known.values()]));
    return this.live;
  }

  /**
   * The live instances that answer calls: Hydra 1.x instances, and those of ours whose server listens. Suspected ones are
   * among them where nobody else is left. The same frozen array until something changes.
   */
  get servers(): readonly Instance[] {
    this.serving ??= Object.freeze(this.trustedOf([...this.known.values()].filter(isServing)));
    return this.serving;
  }

  /**
   * The live instances that accept calls or advertise an HTTP port; not those that only make calls, or that are
   * stopping. The same frozen array until something changes.
   */
  get available(): readonly Instance[] {
    this.giving ??= this.instances.every(isAvailable)
      ? this.instances
      : Object.freeze(this.instances.filter(isAvailable));
    return this.giving;
  }

  /** Whether it was not reached lately, or said that it is stopping. */
  isSuspect({ id }: Pick<Instance, 'id'>): boolean {
    return this.suspects.has(id);
  }

  /** Instances that were not reached lately: they may be reconnecting. */
  get unreached(): readonly Instance[] {
    this.silent ??= this.suspects.size === 0 ? NONE : Object.freeze(this.findUnreached());
    return this.silent;
  }

  /** How many are known, suspected ones included. */
  get size(): number {
    return this.known.size;
  }

  /** The service's own record, once one was read. */
  get record(): ServiceRecord | undefined {
    return this.serviceRecord;
  }

  get(id: string): Instance | undefined {
    return this.known.get(id);
  }

  /** The service was asked for. */
  markAsked(): void {
    this.asked = true;
  }

  /** Whether the service was asked for since the last {@link forgetAsked}. */
  get wasAsked(): boolean {
    return this.asked;
  }

  forgetAsked(): void {
    this.asked = false;
  }

  /** Reads the whole index again. Calls made meanwhile share one reading. */
  load(): Promise<void> {
    this.loading ??= this.readIndex().finally(() => {
      this.loading = undefined;
      this.backlog = [];
    });
    return this.loading;
  }

  /** Compares the epoch of the index with the known one. A difference means that an announcement was missed. */
  async check(epoch: string): Promise<void> {
    if (epoch !== this.epoch) await this.load();
    this.settle();
    this.routes.check();
  }

  /** Handles the announcement of a registry script. */
  hear(wire: string): void {
    const announcement = decodeAnnouncement(wire);
    if (!announcement) return;
    if (this.loading) this.backlog.push(announcement);
    const { epoch } = announcement;
    const seen = Number(this.epoch || 0);
    if (epoch <= seen) return;
    // The announcement is true even if another one before it was missed. Reading the index brings that one.
    if (epoch === seen + 1) this.epoch = String(epoch);
    else void this.load().catch(() => undefined);
    this.apply(announcement);
    this.changed();
  }

  /** The instance is left out for a moment. An unreached one is used again earlier if something is received from it. */
  suspect(id: string, why: Suspicion, forMs = SUSPECT_MS): void {
    // Of a batch that reached nobody, each message says so.
    if (!this.known.has(id) || this.suspects.get(id)?.why === why) return;
    const { id: instanceId } = this.context;
    if (instanceSuspected.hasSubscribers)
      instanceSuspected.publish({ instanceId, targetId: id, service: this.service, why });
    this.suspects.set(id, { why, until: this.context.clock.monotonic() + forMs });
    this.changed();
    this.context.clock.setTimeout(() => this.settle(), forMs + 1);
  }

  /** The index has these, but nothing else speaks for their life: they are left out for as long as a look at the dead takes. */
  doubt(ids: readonly string[]): void {
    for (const id of ids) if (!this.suspects.has(id)) this.suspect(id, 'unreached', DOUBT_MS);
  }

  /** The instance does not answer. It is left out while this is called again and there are other instances. */
  avoid(id: string): void {
    const suspect = this.suspects.get(id);
    const hasOthers = this.servers.some((other) => other.id !== id && !this.isSuspect(other));
    if (!hasOthers) return;
    if (suspect?.why !== 'unreached') return this.suspect(id, 'unreached');
    suspect.until = this.context.clock.monotonic() + SUSPECT_MS;
    this.context.clock.setTimeout(() => this.settle(), SUSPECT_MS + 1);
  }

  /**
   * Something was received from the instance. This does not end the suspicion of an instance that said that it is
   * stopping.
   */
  trust(id: string): void {
    if (this.suspects.size === 0 || this.suspects.get(id)?.why !== 'unreached') return;
    this.suspects.delete(id);
    this.changed();
  }

  /** These have no presence: they are gone here, whatever the index says; those that were, and are not among them, are back. */
  leaveOut(ids: ReadonlySet<string>): void {
    for (const [id, instance] of this.absent) {
      if (ids.has(id)) continue;
      this.absent.delete(id);
      this.put(instance);
    }
    for (const id of ids) {
      const instance = this.known.get(id);
      if (!instance) continue;
      this.remove(id);
      this.absent.set(id, instance);
    }
    this.changed();
  }

  private async readIndex(): Promise<void> {
    const { service } = this;
    const { keys, redis } = this.context;
    const args = [keys.instances(service), keys.epoch(service)];
    const [[epoch = '', ...texts], record] = await redis.run('read instances', (client) =>
      Promise.all([snapshot.run(client, args), client.get(keys.service(service)), this.routes.read(client)]),
    );
    this.serviceRecord = decodeService(record) ?? this.serviceRecord;
    const instances = texts.map(decodeNode).filter((instance) => instance !== undefined);
    const found = new Map(instances.map((instance) => [instance.id, instance]));
    this.epoch = catchUp(found, epoch, this.backlog);
    for (const instance of found.values()) if (!this.absent.has(instance.id)) this.put(instance);
    for (const id of this.absent.keys()) if (!found.has(id)) this.absent.delete(id);
    this.keepOrDrop([...this.known.keys()].filter((id) => !found.has(id)));
    this.changed();
  }

  private apply({ kind, payload }: Announcement): void {
    if (kind === 'join' || kind === 'change') this.hearOf(decodeNode(payload));
    else if (kind === 'lost' && isInReconnectGrace(this.context.redis)) this.keepForNow([payload]);
    else this.remove(payload);
  }

  private hearOf(instance: Instance | undefined): void {
    if (instance) this.absent.delete(instance.id);
    this.put(instance);
  }

  private findUnreached(): Instance[] {
    return [...this.known.values()].filter(({ id }) => this.suspects.get(id)?.why === 'unreached');
  }

  /** That no instance was reached does not mean that there is none. */
  private trustedOf(instances: readonly Instance[]): readonly Instance[] {
    if (this.suspects.size === 0) return instances;
    const trusted = instances.filter(({ id }) => !this.suspects.has(id));
    return trusted.length === 0 ? instances : trusted;
  }

  /** Ids that the index has no more: dropped if they are few, kept for a while if it looks as if Redis lost its data. */
  private keepOrDrop(ids: readonly string[]): void {
    const looksLikeLoss =
      this.missing.size > 0 || isInReconnectGrace(this.context.redis) || ids.length * 2 > this.known.size;
    if (looksLikeLoss) this.keepForNow(ids);
    else for (const id of ids) this.remove(id);
  }

  private keepForNow(ids: readonly string[]): void {
    const { clock } = this.context;
    const until = clock.monotonic() + RECONNECT_GRACE_MS;
    for (const id of ids) if (!this.missing.has(id) && this.known.has(id)) this.missing.set(id, until);
    if (this.missing.size > 0) clock.setTimeout(() => this.settle(), RECONNECT_GRACE_MS + 1);
  }

  /** Lets lapsed suspicions and lapsed graces go. */
  private settle(): void {
    const now = this.context.clock.monotonic();
    const trusted = [...this.suspects].filter(([, { until }]) => until <= now);
    const gone = [...this.missing].filter(([, until]) => until <= now);
    if (trusted.length + gone.length === 0) return;
    for (const [id] of trusted) this.suspects.delete(id);
    for (const [id] of gone) this.remove(id);
    this.changed();
  }

  private put(instance: Instance | undefined): void {
    if (!instance || instance.service !== this.service) return;
    const before = this.known.get(instance.id);
    this.known.set(instance.id, Object.freeze(instance));
    this.missing.delete(instance.id);
    this.suspects.delete(instance.id);
    this.routes.seen(instance);
    if (!before) this.unreported.push({ kind: 'join', service: this.service, instance });
    else if (isDifferent(before, instance))
      this.unreported.push({ kind: 'change', service: this.service, instance });
  }

  private remove(id: string): void {
    const instance = this.known.get(id);
    this.absent.delete(id);
    this.missing.delete(id);
    this.suspects.delete(id);
    if (!instance) return;
    this.known.delete(id);
    this.unreported.push({ kind: 'leave', service: this.service, instance });
  }

  /**
   * First the lists that callers read are made again. Then the changes are emitted, so that a listener sees the new
   * state.
   */
  private changed(): void {
    this.live = undefined;
    this.serving = undefined;
    this.giving = undefined;
    this.silent = undefined;
    if (this.unreported.length === 0) return;
    const changes = this.unreported;
    this.unreported = [];
    for (const change of changes) this.report(change);
  }
}

/** Adds to a reading what was heard since it was taken; returns the epoch that both together stand for. */
function catchUp(found: Map<string, Instance>, epoch: string, heard: readonly Announcement[]): string {
  let reached = Number(epoch || 0);
  for (const { epoch: next, kind, payload } of heard) {
    if (next <= reached) continue;
    const instance = kind === 'join' || kind === 'change' ? decodeNode(payload) : undefined;
    if (instance) found.set(instance.id, instance);
    else found.delete(payload);
    // After a gap the epoch stays behind, and the next check reads again.
    if (next === reached + 1) reached = next;
  }
  return reached === 0 ? '' : String(reached);
}

function isServing({ capabilities }: Instance): boolean {
  return capabilities === undefined || (capabilities.acceptsCalls && capabilities.draining !== true);
}

function isAvailable(instance: Instance): boolean {
  return isServing(instance) || (instance.port > 0 && instance.capabilities?.draining !== true);
}

/** Records differ in more than the time they were written. */
function isDifferent(a: Instance, b: Instance): boolean {
  return JSON.stringify({ ...a, updatedOn: '' }) !== JSON.stringify({ ...b, updatedOn: '' });
}
