import { Redis, type Cluster, type RedisOptions } from 'ioredis';

import type { LayoutName, RedisLocation } from '../../hydra-options.js';
import { outside } from '../../runtime/async-context.js';
import { backoffMs } from '../../runtime/backoff.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { RandomSource } from '../../runtime/random-source.js';
import { refusalToConnect } from './connect-error.js';
import {
  createClient,
  createSlotClient,
  connectTimeoutMs,
  describeLocation,
  isClusterLocation,
  usesTls,
  type ClientSettings,
  type RedisClient,
} from './driver.js';
import { dropConnection, limitHandshake, watchConnection } from './keep-alive.js';
import {
  askServer,
  isReplicaNow,
  maySame,
  serverOf,
  UNKNOWN_SERVER,
  type ServerInfo,
} from './server-info.js';
import type { CredentialKeeper } from '../credentials/credential-keeper.js';
import { connectNodes } from '../slot-publish.js';
import { LinkLogin } from './link-login.js';
import type { SentinelWatch } from './sentinel-watch.js';
import type { SlotOwner } from './slot-owner.js';
import { explainTls } from './tls-error.js';
import type { TlsFiles } from './tls-files.js';
import { probeTls } from './tls-probe.js';

/** What a connection is for. */
export type Role = 'commands' | 'subscriber' | 'blocking';

/** The clock and the randomness of an instance: the system's, or a test's. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: RandomSource;
}

export interface LinkOptions extends Runtime {
  readonly role: Role;
  readonly service: string;
  readonly redis: RedisLocation;
  readonly layout: LayoutName;
  readonly tls?: TlsFiles | undefined;
  readonly credentials?: CredentialKeeper | undefined;
  readonly connection: {
    readonly pingIntervalMs: number;
    readonly maxReconnectDelayMs: number;
    readonly commandTimeoutMs: number;
  };
  /** On a Cluster: it leads to the node that owns one slot, and to no other. */
  readonly owner?: SlotOwner | undefined;
  /** Behind Sentinels: whom of them it follows. */
  readonly sentinels?: SentinelWatch | undefined;
}

/** Is told about a link, and decides when it may connect. */
export interface LinkOwner {
  /** Whether the link must wait, because there is no primary that it could follow. It is told later when it may connect. */
  holdsBack(link: Link): boolean;
  /** It has connected to a server, or lost the connection. */
  changed(link: Link): void;
  /** Connecting failed, or Redis rejected the credentials. */
  failed(link: Link, error: Error): void;
  /** Redis refused a command, which is rejected with this. */
  refused(link: Link, error: Error): void;
}

/** Neither connected nor about to be. A Cluster goes back from 'end' to 'close' when the last of its nodes has ended. */
const IDLE = ['wait', 'close', 'end'];
/** A limit for the handshake that a short interval of PINGs must not push below what a loaded Redis needs. */
const MIN_HANDSHAKE_MS = 1_000;
/** After a connection has lasted this long, reconnecting begins with short pauses again. */
const SETTLED_MS = 1_000;
/** A reader that blocks is begun again by itself. */
const BLOCKING_PATIENCE_MS = 1_000;
/** The pause before the first attempt to connect again; doubled for each further one. */
const MIN_RECONNECT_DELAY_MS = 20;
/** Of `pingIntervalMs`: a server is asked whether it is a primary at least so often, also where its answers show that it is there. */
const ROLE_INTERVALS = 5;

/**
 * One client of the driver, connected again for ever, and what is known of the server it has reached. Each step of
 * connecting has a limit: the way to the peer, the handshake, and the question who answers there.
 */
export class Link {
  readonly role: Role;
  private present: RedisClient;
  private reached: ServerInfo | undefined;
  private count = 0;
  private attempts = 0;
  private tellsRole = true;
  private reachedAt = -Infinity;
  private provenAt = -Infinity;
  private roleToldAt = -Infinity;
  private timer: Timer | undefined;
  private hasClosed = false;
  private stopWatch: () => void = () => undefined;
  private login: LinkLogin | undefined;

  constructor(
    private readonly options: LinkOptions,
    private readonly owner: LinkOwner,
  ) {
    this.role = options.role;
    this.present = this.createClient();
    this.attend(this.present);
    if (this.role === 'commands' && !(this.present instanceof Redis)) connectNodes(this.present);
  }

  /** The driver's client. That of the subscriptions may be replaced. */
  get client(): RedisClient {
    return this.present;
  }

  /** What is known about the server; undefined before it has answered, and after the connection was lost. */
  get server(): ServerInfo | undefined {
    return this.reached;
  }

  /** Rises with each connection that is made or lost. */
  get generation(): number {
    return this.count;
  }

  get isClosed(): boolean {
    return this.hasClosed;
  }

  /** Connects now, unless it is connected or connecting. */
  connect(): void {
    if (this.isClosed || this.login?.isAwaited || !IDLE.includes(this.client.status)) return;
    // Who owns a slot is known to the commands.
    if (this.options.owner && this.owner.holdsBack(this)) return;
    this.options.clock.clear(this.timer);
    this.timer = undefined;
    if (!this.canReadTls()) return this.retry();
    if (!this.login) return this.begin();
    const failed = (error: Error) => {
      if (!this.isClosed) this.owner.failed(this, error);
      this.retry();
    };
    outside(() => this.login!.prepare(() => this.begin(), failed));
  }

  /** Logs in with the latest credentials, where the connection stands. Resolves with what Redis said against it. */
  async logInAgain(): Promise<Error | undefined> {
    return (await this.login?.renew()) ?? this.login?.refusalAtNode;
  }

  /**
   * Makes a second connection to the same server, which takes the place of this one when `handOver` calls its second
   * argument. That answers false where this connection was lost meanwhile, or the second one was: all is as it was then.
   * Resolves with whether it did, or with what the second connection failed with.
   */
  async replace(handOver: (next: Redis, swap: () => boolean) => Promise<boolean>): Promise<boolean | Error> {
    const { reached, generation } = this;
    if (!reached || !this.login) return false;
    const next = this.createClient() as Redis;
    // The driver rejects without the reason.
    let reason: Error | undefined;
    next.on('error', (error) => (reason = error));
    const swap = () => {
      // What has ended before it is attended to would never be connected again.
      if (generation !== this.generation || next.status !== 'ready') return false;
      this.adopt(next);
      return true;
    };
    try {
      await this.login.open(next, this.options);
      const isThere = maySame(await this.ask(next), reached);
      return isThere && generation === this.generation && (await handOver(next, swap));
    } catch (error) {
      return reason ?? (error as Error);
    } finally {
      if (next !== this.present) next.disconnect();
    }
  }

  /** Whether it shows Redis older credentials than there are, and takes no AUTH. */
  get isBehind(): boolean {
    return this.server !== undefined && (this.login?.isBehind ?? false);
  }

  /** Closes the connection, to find the primary again. */
  drop(reason: Error): void {
    this.leave();
    dropConnection(this.client, reason);
  }

  close(): void {
    if (this.isClosed) return;
    this.hasClosed = true;
    this.leave();
    this.options.clock.clear(this.timer);
    this.stopWatch();
    if (this.client.status !== 'end') this.client.disconnect();
  }

  /**
   * Something was sent at this time of the monotonic clock that shows what a PING would: that the connection stands, and that its
   * server takes writes. Whether it is a primary is asked for besides.
   */
  proven(sentAt: number): void {
    this.provenAt = sentAt;
  }

  /** Whether it leads to the node of one slot. */
  get isAtOwner(): boolean {
    return this.options.owner !== undefined;
  }

  /** Follows what happens to a client while it is the present one. */
  private attend(client: RedisClient): void {
    const { clock, redis, connection, credentials } = this.options;
    this.login = credentials && new LinkLogin(client, credentials);
    const on = (event: string, act: (error: Error, node: string) => void) =>
      client.on(event as 'error', (error: Error, node?: string) => {
        if (client === this.present) act(error, node ?? '');
      });
    on('node error', (error, node) => this.nodeFailed(error, node));
    // When all Sentinels fail, the driver reports one error for all, without the reasons.
    let atSentinel: Error | undefined;
    on('sentinelError', (error) => (atSentinel = error));
    on('error', (error) => {
      if (error.message.startsWith('All sentinels')) void this.sentinelFailed(atSentinel ?? error);
      else this.owner.failed(this, this.explained(error));
      atSentinel = undefined;
    });
    on('ready', () => void this.greet());
    // Redis ended subscriptions of a slot that is another node's now, or refused one.
    on('moved', () => this.giveUp(new Error('its slot has moved to another node')));
    on('close', () => this.leave());
    on('end', () => this.retry());
    const limitMs = Math.min(connectTimeoutMs(redis), Math.max(MIN_HANDSHAKE_MS, connection.pingIntervalMs));
    limitHandshake(client, { clock, limitMs, isDone: () => this.server !== undefined });
    this.stopWatch();
    // A PING cannot check a connection that blocks, because it would wait behind the read.
    if (this.role === 'blocking') return;
    const ping = (link: Redis) => this.ping(link);
    const intervalMs = connection.pingIntervalMs;
    this.roleToldAt = clock.monotonic();
    // A replica may take writes, too.
    const knownUntil = () =>
      this.role === 'commands' && this.tellsRole
        ? this.roleToldAt + (ROLE_INTERVALS - 1) * intervalMs
        : Infinity;
    const provenAt = () => Math.min(this.provenAt, knownUntil());
    this.stopWatch = watchConnection(client, {
      ...{ clock, intervalMs, ping },
      provenAt: client instanceof Redis ? provenAt : undefined,
    });
  }

  private begin(): void {
    if (this.isClosed || !IDLE.includes(this.client.status)) return;
    // What fails is told by 'error', and 'end' repeats it.
    outside(() => void this.client.connect().catch(() => undefined));
  }

  private createClient(): RedisClient {
    const { role, service, redis, owner, clock, connection, tls } = this.options;
    const onRefusal = (error: Error) => this.owner.refused(this, error);
    const settings: ClientSettings = { connectionName: `hydra:${service}:${role}`, onRefusal, tls };
    if (owner && isClusterLocation(redis)) return createSlotClient(redis, owner, settings);
    // Who waits for a reader has a limit of its own.
    const patienceMs = role === 'commands' ? connection.commandTimeoutMs : BLOCKING_PATIENCE_MS;
    const client = createClient(redis, { ...settings, clock, patienceMs });
    this.options.sentinels?.lead(client);
    return client;
  }

  private adopt(next: Redis): void {
    const before = this.present;
    this.present = next;
    this.attend(next);
    before.disconnect();
  }

  private async greet(): Promise<void> {
    const generation = ++this.count;
    try {
      // They may have changed while it connected.
      const refusal = await this.login?.renew();
      if (refusal) throw refusal;
      const server = await this.ask(this.client);
      if (generation !== this.generation || this.client.status !== 'ready') return;
      this.reached = server;
      this.reachedAt = this.options.clock.monotonic();
      this.owner.changed(this);
    } catch (error) {
      // Otherwise the connection broke, and this was reported.
      if (generation === this.generation && this.client.status === 'ready') this.giveUp(error as Error);
    }
  }

  private async ask(client: RedisClient): Promise<ServerInfo> {
    if (!(client instanceof Redis)) return askNode(client);
    const server = await askServer(client);
    // Behind one address any of several may have answered.
    return this.options.layout === 'hash-tags' ? { ...server, runId: undefined } : server;
  }

  /** A process that only reads and publishes would never learn from a command that its server has become a replica. */
  private async ping(link: Redis): Promise<unknown> {
    if (this.role !== 'commands' || link !== this.client || !this.tellsRole) return link.ping();
    const isReplica = await isReplicaNow(link);
    this.roleToldAt = this.options.clock.monotonic();
    this.tellsRole = isReplica !== undefined;
    if (isReplica && this.server) this.owner.refused(this, new Error('READONLY its server is a replica now'));
    return isReplica;
  }

  /** Before the driver is asked to connect: what it reads then must be there. */
  private canReadTls(): boolean {
    try {
      this.options.tls?.read();
      return true;
    } catch (error) {
      this.owner.failed(this, error as Error);
      return false;
    }
  }

  /** The driver hides what is wrong with TLS there. */
  private async sentinelFailed(error: Error): Promise<void> {
    const { sentinelTLS } = this.client.options as RedisOptions;
    const [, host, port] = /sentinel (\S+):(\d+) because/.exec(error.message) ?? [];
    if (!sentinelTLS || host === undefined) return this.owner.failed(this, error);
    const why = await probeTls({ ...sentinelTLS, host, port: Number(port) }, this.options.clock);
    if (this.isClosed || this.server) return;
    this.owner.failed(this, why ? this.explained(why, `the Sentinel at ${host}:${port}`) : error);
  }

  /** A Cluster's own errors do not say why a node refuses the connection. */
  private nodeFailed(error: Error, node: string): void {
    const explained = this.explained(error, node);
    // As long as there is no connection, each attempt asks before.
    if (this.server) this.login?.nodeFailed(explained, node);
    if (refusalToConnect(explained, node)) this.owner.failed(this, explained);
  }

  private explained(error: Error, place = describeLocation(this.options.redis)): Error {
    const { redis, tls } = this.options;
    return explainTls(error, {
      place,
      usesTls: tls !== undefined || usesTls(redis),
      hasCertificate: tls?.hasCertificate ?? false,
      hasWorked: this.reachedAt !== -Infinity,
    });
  }

  private giveUp(error: Error): void {
    this.owner.failed(this, error);
    this.drop(error);
  }

  private leave(): void {
    this.count++;
    if (this.server === undefined) return;
    if (this.options.clock.monotonic() - this.reachedAt > SETTLED_MS) this.attempts = 0;
    this.reached = undefined;
    this.owner.changed(this);
  }

  private retry(): void {
    if (this.isClosed || this.timer || this.owner.holdsBack(this)) return;
    const { clock, random, connection } = this.options;
    const limits = { minMs: MIN_RECONNECT_DELAY_MS, maxMs: connection.maxReconnectDelayMs };
    const reconnect = () => {
      this.timer = undefined;
      this.connect();
    };
    // A process that only waits for Redis must stay alive.
    this.timer = clock.setTimeout(reconnect, backoffMs(limits, ++this.attempts, random), { ref: true });
  }
}

/** On a Cluster there is no one server to follow; one node tells the version of all. */
async function askNode(cluster: Cluster): Promise<ServerInfo> {
  const [node] = cluster.nodes('master');
  if (node?.status === 'wait') await node.connect().catch(() => undefined);
  const info = await node?.info('server').catch(() => undefined);
  if (info === undefined) return UNKNOWN_SERVER;
  return { ...UNKNOWN_SERVER, version: serverOf(info).version, product: serverOf(info).product };
}
