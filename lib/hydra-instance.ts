import { connectionState, instanceJoined, instanceLeft } from './diagnostics/channels.js';
import type { ResolvedOptions } from './hydra-options.js';
import { encodeAddress } from './protocol/address.js';
import { createKeys, type Keys } from './protocol/keys.js';
import type { UmfMessage } from './protocol/message.js';
import type { Item, Load } from './protocol/rpc.js';
import { addInstanceGauges } from './instance-gauges.js';
import { Metrics } from './metrics/metrics.js';
import { outside } from './runtime/async-context.js';
import type { Context } from './redis/context.js';
import type { Runtime } from './redis/connection/link.js';
import type { ReplicaOptions } from './redis/connection/same-primary.js';
import { runtimeOf } from './redis/location-runtime.js';
import { RedisConnections } from './redis/redis-connections.js';
import { DiscoveryService } from './registry/discovery/discovery-service.js';
import { createInstanceId } from './registry/presence/instance-id.js';
import { Presence } from './registry/presence/presence.js';
import type { Clock } from './runtime/clock.js';
import { HealthContributors } from './runtime/health-contributors.js';
import { heapWarning } from './runtime/heap-warning.js';
import { Losses } from './runtime/losses.js';
import type { RandomSource } from './runtime/random-source.js';
import { ThrottledLogger } from './runtime/throttled-logger.js';
import { QueueService } from './queue/producer/queue-service.js';
import type { QueueSource } from './queue/worker/queue-source.js';
import type { StreamSource } from './streams/stream-source.js';
import { StreamService } from './streams/stream-service.js';
import type { CallSource } from './transport/incoming/call-source.js';
import { OutgoingCalls } from './transport/outgoing/outgoing-calls.js';
import { Messenger, type FrameHandler, type ItemHandlers } from './transport/wire/messenger.js';
import type { RemoteInstance } from './transport/wire/remote-instances.js';

const IDLE: Load = [0, 0];
const LOSSES = 'How often the connections to Redis were lost.';

/** The queues and groups that a server takes work from. */
interface ServedSources {
  readonly queues: QueueSource;
  readonly streams: StreamSource;
}

/** The clock and randomness of an instance, and whether it may read from a replica. */
type InstanceSettings = Partial<Runtime> & ReplicaOptions;

/**
 * This process as one instance of its service: its connections, its channels, its presence, its view of other
 * instances, the calls that it makes and, with a server, the calls that it answers. The module has one, and so has each
 * server or client that stands alone. Inside an application all share the module's.
 */
export class HydraInstance implements FrameHandler, Context {
  readonly id: string;
  readonly address: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: ThrottledLogger;
  readonly metrics: Metrics | undefined;
  readonly keys: Keys;
  readonly redis: RedisConnections;
  /** The health of the parts of this process. */
  readonly health = new HealthContributors();
  readonly presence: Presence;
  readonly discovery: DiscoveryService;
  readonly messenger: Messenger;
  /** The calls that this process makes. */
  readonly calls: OutgoingCalls;
  private queueService: QueueService | undefined;
  private streamService: StreamService | undefined;
  private source: CallSource | undefined;
  /** What a server of this instance takes from queues and streams. */
  private sources: ServedSources | undefined;
  /** The handler of each kind of item. */
  private handlers: ItemHandlers;
  /** How many gaps were found in the frames that arrived. */
  private gaps = 0;
  /** How often the connections to Redis were lost. */
  private readonly losses: Losses;

  constructor(
    readonly options: ResolvedOptions,
    { clock, random, ...replicas }: InstanceSettings = {},
  ) {
    const { service, namespace, layout } = options;
    const runtime = runtimeOf(options.redis);
    this.clock = clock ?? runtime.clock;
    this.random = random ?? runtime.random;
    this.id = createInstanceId(this.random);
    this.address = encodeAddress({ service, instance: this.id, path: '/' });
    this.losses = new Losses(this.clock);
    this.log = new ThrottledLogger(this.clock);
    this.metrics = options.metrics.enabled ? new Metrics({ service }) : undefined;
    this.redis = new RedisConnections(options, { clock: this.clock, random: this.random, ...replicas });
    this.keys = createKeys({ namespace, layout });
    this.presence = new Presence(this);
    this.discovery = new DiscoveryService(this);
    this.presence.onBeat((look) => this.discovery.beatSeen(look));
    this.messenger = new Messenger(this, () => this.source?.load ?? IDLE);
    this.calls = new OutgoingCalls(this, this.messenger, this);
    this.handlers = this.calls.handlers;
    this.discovery.changes$.subscribe(({ kind, instance }) => {
      if (kind === 'leave') this.calls.chooser.forget(instance.id);
      const channel = kind === 'join' ? instanceJoined : kind === 'leave' ? instanceLeft : undefined;
      if (channel?.hasSubscribers)
        channel.publish({ instanceId: this.id, targetId: instance.id, service: instance.service });
    });
    this.redis.onState((state) => {
      if (state === 'lost') this.losses.add();
      if (connectionState.hasSubscribers) connectionState.publish({ instanceId: this.id, state });
    });
    addInstanceGauges(this);
    // From the beginning: Prometheus sees no increase where there was no value before.
    this.metrics?.counter('hydra_connection_losses_total', LOSSES, () => [[{}, this.losses.count]]);
    this.health.contribute('redis', () => this.redis.refusals.findings);
    if (options.credentials)
      this.health.contribute('credentials', () => ({ warning: this.redis.credentialWarning }));
    this.health.contribute('connection', () => ({ warning: this.losses.warning }));
    this.health.contribute('process', () => ({ warning: heapWarning() }));
    this.health.contribute('breakers', () => this.calls.chooser.breaker.findings);
    this.health.contribute('calls', () => ({
      activity: { sent: this.calls.inFlight, handling: this.source?.load[0] ?? 0, gaps: this.gaps },
    }));
  }

  /** The queues, through the connections of this instance. */
  get queues(): QueueService {
    return (this.queueService ??= new QueueService(this));
  }

  /** The streams, through the connections of this instance. */
  get streams(): StreamService {
    return (this.streamService ??= new StreamService(this));
  }

  /** Connects and subscribes; then calls can be made. Resolves when Redis has confirmed it. Idempotent. */
  open(): Promise<void> {
    return outside(async () => {
      await this.messenger.open(this);
      await this.discovery.start();
    });
  }

  /** Registers the instance; others find it from here on. Idempotent. */
  announce(): Promise<void> {
    return outside(async () => {
      await this.open();
      await this.presence.announce();
    });
  }

  /** What a server of this instance takes from queues and streams; undefined without one. */
  get served(): ServedSources | undefined {
    return this.sources;
  }

  /** Gives calls that arrive to the source of a server. */
  attach(source: CallSource, sources?: ServedSources): void {
    this.source = source;
    this.sources = sources;
    this.handlers = { ...this.handlers, ...source.handlers };
  }

  /** Leaves the registry, stops listening, fails the calls in flight, closes the connections. Idempotent. */
  async close(): Promise<void> {
    await this.presence.withdraw();
    await this.messenger.close();
    this.queueService?.close();
    this.calls.close();
    await this.discovery.close();
    this.redis.close();
  }

  onItems(from: RemoteInstance, load: Load, items: readonly Item[]): void {
    this.discovery.heardOf(from.service, from.id);
    this.calls.onLoad(from, load);
    for (const item of items) this.handlers[item[0]]?.(from, item);
  }

  /** The sender probes the calls that have no answer. */
  onFramesLost(from: RemoteInstance, channel: 'requests' | 'replies'): void {
    this.gaps++;
    if (channel === 'requests') this.source?.onRequestsLost(from);
    else this.calls.onRepliesLost(from);
  }

  onMessage(message: UmfMessage): void {
    if (!this.calls.onMessage(message)) this.source?.onMessage(message);
  }
}
