import type { ResolvedOptions } from './hydra-options.js';
import { encodeAddress } from './protocol/address.js';
import { createKeys, type Keys } from './protocol/keys.js';
import type { UmfMessage } from './protocol/message.js';
import type { Item, Load } from './protocol/rpc.js';
import { outside } from './runtime/async-context.js';
import type { Context } from './redis/context.js';
import type { Runtime } from './redis/connection/link.js';
import type { ReplicaOptions } from './redis/connection/same-primary.js';
import { RedisConnections } from './redis/redis-connections.js';
import { DiscoveryService } from './registry/discovery/discovery-service.js';
import { createInstanceId } from './registry/presence/instance-id.js';
import { Presence } from './registry/presence/presence.js';
import { systemClock, type Clock } from './runtime/clock.js';
import { HealthContributors } from './runtime/health-contributors.js';
import { systemRandom, type RandomSource } from './runtime/random-source.js';
import { ThrottledLogger } from './runtime/throttled-logger.js';
import { QueueService } from './queue/queue.service.js';
import { StreamService } from './streams/stream-service.js';
import type { CallSource } from './transport/incoming/call-source.js';
import { Caller } from './transport/outgoing/outgoing-calls.js';
import { Channel, type Receiver } from './transport/wire/messenger.js';
import type { Peer } from './transport/wire/remote-instances.js';

const IDLE: Load = [0, 0];

/** What an instance is run by, and whether it may read from a replica. */
type InstanceSettings = Partial<Runtime> & ReplicaOptions;

/**
 * This process as one instance of its service: its connections, its channels, what it says of itself, what it knows of
 * others, the calls it makes and, once a server is attached, the calls it answers. The module, the server and each client
 * that stands alone have one; inside an application all share the module's.
 */
export class HydraInstance implements Receiver, Context {
  readonly id: string;
  readonly address: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: ThrottledLogger;
  readonly keys: Keys;
  readonly redis: RedisConnections;
  /** Where the parts of this process say how they are. */
  readonly health = new HealthContributors();
  readonly presence: Presence;
  readonly discovery: DiscoveryService;
  readonly channel: Channel;
  readonly caller: Caller;
  private queueService: QueueService | undefined;
  private streamService: StreamService | undefined;
  private source: CallSource | undefined;
  /** How often frames were lost between two that arrived. */
  private gaps = 0;

  constructor(
    readonly options: ResolvedOptions,
    { clock = systemClock, random = systemRandom, ...replicas }: InstanceSettings = {},
  ) {
    const { service, namespace } = options;
    this.id = createInstanceId(random);
    this.address = encodeAddress({ service, instance: this.id, path: '/' });
    this.clock = clock;
    this.random = random;
    this.log = new ThrottledLogger(clock);
    this.redis = new RedisConnections(options, { clock, random, ...replicas });
    this.keys = createKeys({ namespace, cluster: this.redis.isCluster });
    this.presence = new Presence(this);
    this.discovery = new DiscoveryService(this);
    this.channel = new Channel(this.id, service, this.redis, this.keys, () => this.source?.load ?? IDLE);
    this.caller = new Caller(this.channel, this.redis, this.keys, options, this);
    this.discovery.changes$.subscribe(({ kind, instance }) => {
      if (kind === 'leave') this.caller.chooser.forget(instance.id);
    });
    this.health.contribute('redis', () => this.redis.refusals.findings);
    this.health.contribute('calls', () => ({
      activity: { sent: this.caller.inFlight, handling: this.source?.load[0] ?? 0, gaps: this.gaps },
    }));
  }

  /** The queues, through the connections of this instance. */
  get queues(): QueueService {
    const { id, redis, keys, options } = this;
    return (this.queueService ??= new QueueService(id, redis, keys, options));
  }

  /** The streams, through the connections of this instance. */
  get streams(): StreamService {
    return (this.streamService ??= new StreamService(this));
  }

  /** Connects and listens: from here on calls can be made. Resolves when Redis has confirmed it. Idempotent. */
  open(): Promise<void> {
    return outside(async () => {
      await this.channel.open(this);
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

  /** Gives the calls that arrive to a server. */
  attach(source: CallSource): void {
    this.source = source;
  }

  /** Leaves the registry, stops listening, fails what waits, closes the connections. Idempotent. */
  async close(): Promise<void> {
    await this.presence.withdraw();
    await this.channel.close();
    this.queueService?.close();
    this.caller.close();
    await this.discovery.close();
    this.redis.close();
  }

  requests(peer: Peer, load: Load, items: readonly Item[]): void {
    this.discovery.heardOf(peer.service, peer.id);
    this.caller.chooser.loads.report(peer.id, load);
    this.source?.items(peer, items);
  }

  replies(peer: Peer, load: Load, items: readonly Item[]): void {
    this.discovery.heardOf(peer.service, peer.id);
    this.caller.items(peer, load, items);
  }

  /** Its sender asks after the calls that it has no answer to. */
  requestsLost(peer: Peer): void {
    this.gaps++;
    this.source?.requestsLost(peer);
  }

  repliesLost(peer: Peer): void {
    this.gaps++;
    this.caller.repliesLost(peer);
  }

  message(message: UmfMessage): void {
    if (!this.caller.message(message)) this.source?.message(message);
  }
}
