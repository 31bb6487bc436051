import type { Cluster } from 'ioredis';

import { HydraError, type HydraErrorOptions } from '../hydra-error.js';
import type { ResolvedOptions } from '../hydra-options.js';
import { outside } from '../runtime/async-context.js';
import { systemClock, type Clock } from '../runtime/clock.js';
import { systemRandom } from '../runtime/random-source.js';
import type { Runtime } from './connection/link.js';
import { sleep } from '../runtime/waiting.js';
import { refusalToConnect } from './connection/connect-error.js';
import { ConnectionReport } from './connection/connection-report.js';
import {
  describeSource,
  isClusterLocation,
  overruledOptions,
  type RedisClient,
} from './connection/driver.js';
import { Rotation } from './credentials/rotation.js';
import { Hearing, sentAtOf } from './connection/hearing.js';
import { ReadinessWaiters, type ReadinessWaiter } from './connection/readiness-waiters.js';
import type { Link, Role } from './connection/link.js';
import { isAway, redisError } from './redis-error.js';
import { Refusals } from './refusals.js';
import { callUserCode } from '../runtime/user-code.js';
import { SamePrimary, type ReplicaOptions } from './connection/same-primary.js';
import { Settling, type SettlingListener } from './connection/settling.js';
import { SlotOwner } from './connection/slot-owner.js';
import { ShardedPublisher } from './sharded-publisher.js';
import { slotOf } from './slot-publish.js';
import { Subscriptions, type ChannelListener, type Reach, type Subscription } from './subscriptions.js';
import { TlsFiles } from './connection/tls-files.js';

export type { RedisClient } from './connection/driver.js';
export type { Link } from './connection/link.js';
export type { Subscription } from './subscriptions.js';

/** The state of the connections, as observers see it. */
export type ConnectionState = 'connecting' | 'ready' | 'lost' | 'closed';

const RETRY_PAUSE_MS = 50;
/** The shortest limit for the message to oneself, however short the interval of PINGs is. */
const MIN_HEARING_MS = 1_000;
/** After a change of servers, counts prove nothing for this long about instances whose server is not known. */
const OTHERS_FOLLOW_MS = 10_000;

/** Options with a logged warning: each process logs it once. */
const warnedOf = new Set<string>();

/**
 * ```text
 *   idle ── connect() ──▶ connecting ──▶ ready ◀───▶ lost
 *     └──────────────────────┴─────────────┴── close() ──▶ closed
 * ```
 */
type Life = 'idle' | ConnectionState;

/**
 * The process's connections to Redis: one for commands, one for subscriptions, and one for each reader that blocks. All
 * are at the same primary.
 *
 * After a connection breaks, it is made again, without a limit of attempts and with growing pauses. A command in flight
 * is never sent twice: its promise rejects, and the caller decides. Without a connection no command is queued; `run`
 * waits for the connection, for at most `connection.commandTimeoutMs`.
 *
 * Ready means that commands work, that every subscription is confirmed, and that this process receives its own
 * messages.
 */
export class RedisConnections implements SettlingListener {
  /**
   * Several servers share the keys: a Cluster, or a service that shards behind one address. A script may use keys of
   * one service only, and a count of receivers or subscribers is that of one server.
   */
  readonly isSharded: boolean;
  readonly commands: RedisClient;
  /** Messages within the shards of a Cluster. */
  readonly shards: ShardedPublisher;
  /** What Redis has refused lately. */
  readonly refusals: Refusals;
  readonly clock: Clock;

  private readonly report: ConnectionReport;
  private readonly rotation: Rotation | undefined;
  private readonly listeners = new Set<(state: ConnectionState) => void>();
  private readonly waiters = new ReadinessWaiters();
  private readonly links: SamePrimary;
  private readonly listener: Link;
  private readonly subscriptions: Subscriptions;
  private readonly hearing: Hearing;
  private readonly settling: Settling;
  private life: Life = 'idle';
  /** Why Redis rejects this process permanently; undefined when waiting may help. */
  private refusal: HydraError | undefined;
  private restoredAt = -Infinity;
  private runId: string | undefined;
  private atServerSince = -Infinity;

  constructor(
    private readonly options: Pick<
      ResolvedOptions,
      'redis' | 'redisSource' | 'layout' | 'tls' | 'credentials' | 'connection' | 'service'
    >,
    { clock = systemClock, random = systemRandom, ...replicas }: Partial<Runtime> & ReplicaOptions = {},
  ) {
    const { layout, connection } = options;
    this.clock = clock;
    this.refusals = new Refusals(clock);
    this.report = new ConnectionReport(clock);
    this.isSharded = layout === 'hash-tags';
    const tls = options.tls && new TlsFiles(options.tls, (text) => this.report.warn(text));
    const failed = (text: string) => this.report.credentials(text);
    const { redis, credentials: provider } = options;
    this.rotation = provider && new Rotation({ clock, random, redis, provider, failed });
    const parts = { clock, random, ...options, tls, credentials: this.rotation?.keeper, ...replicas };
    this.links = new SamePrimary(parts, (role, error) => this.failed(role, error));
    this.commands = this.links.leader.client;
    this.listener = this.links.follow('subscriber', this.ownerOfOwnSlot());
    this.subscriptions = new Subscriptions(this.listener, {
      ready: async () => {
        if (!this.isReady) await this.readyWithin(connection.commandTimeoutMs, 'SUBSCRIBE');
      },
      refused: (error) => this.refusals.note(error, 'warning'),
      unsharded: (error) => this.report.unsharded(error),
    });
    this.shards = new ShardedPublisher(this.commands, this.subscriptions, this.clock);
    this.hearing = new Hearing({
      clock,
      publish: (channel, text) => this.shards.publish(channel, text),
      mustCount: () => this.shards.isActive,
      withinMs: Math.max(MIN_HEARING_MS, connection.pingIntervalMs),
      refused: (error) => this.refused(error),
    });
    const { links, listener, subscriptions, hearing } = this;
    this.rotation?.attend({ links, listener, subscriptions, hearing });
    const everyMs = connection.pingIntervalMs;
    this.settling = new Settling({ clock, links, listener, subscriptions, hearing, everyMs }, this);
    this.links.onChange(() => this.settling.changed());
  }

  get subscriber(): RedisClient {
    return this.listener.client;
  }

  get state(): ConnectionState {
    return this.life === 'idle' ? 'connecting' : this.life;
  }

  get isReady(): boolean {
    return this.life === 'ready';
  }

  /** Whether commands reach a primary, be this process ready or not. */
  get hasPrimary(): boolean {
    return this.links.leader.server !== undefined;
  }

  /** Whether there are connections to one primary, be this process ready or not. */
  get isConnected(): boolean {
    return this.links.isAdmitted(this.links.leader) && this.links.isAdmitted(this.listener);
  }

  /** Whether Redis rejects this process: a password, a certificate, a right, a version. Waiting does not help. */
  get isRefused(): boolean {
    return this.refusal !== undefined;
  }

  /** Why there is no connection: the last error of the driver or of Redis. */
  get reason(): string | undefined {
    return this.report.reason;
  }

  /** What a person should look at: the credentials cannot be renewed, or Redis does not take them. */
  get credentialWarning(): string | undefined {
    return this.rotation?.warning;
  }

  /** A short id of the server that this process subscribes at; undefined when Redis does not tell it. */
  get serverId(): string | undefined {
    return this.runId?.slice(0, 12);
  }

  /** Milliseconds since the connection came back after a loss, or was {@link resumed}; Infinity if it never was. */
  msSinceReconnect(now = this.clock.monotonic()): number {
    return this.isReady ? now - this.restoredAt : Infinity;
  }

  /**
   * Whether a count of 0 receivers proves that a process did not receive a message. It does so only if the process
   * subscribes at the server where this one publishes: a process that still subscribes at a former primary receives the
   * messages, and is not counted. On a Cluster a count within a shard proves it.
   *
   * @param serverId the server at which that process subscribes, as it says
   */
  countsProve(serverId: string | undefined): boolean {
    if (!this.isReady || !this.hearing.mayCount) return false;
    if (this.isSharded) return this.shards.isActive;
    if (serverId !== undefined && this.serverId !== undefined) return serverId === this.serverId;
    return this.clock.monotonic() - this.atServerSince > OTHERS_FOLLOW_MS;
  }

  /**
   * Redis or the network did not respond for a while, and continues now. As after a reconnect, other processes may need
   * a moment.
   */
  resumed(): void {
    this.restoredAt = this.clock.monotonic();
  }

  /**
   * The own channel, and a text to publish on it: whoever writes now spares this process a PING of its subscriber. Nothing
   * where none is due before `nextMs`, when it writes again, or where one server's count is not that of all.
   */
  echoDue(nextMs: number): readonly [channel: string, text: string] | readonly [] {
    return this.isSharded ? [] : this.hearing.echoDue(nextMs, this.options.connection.pingIntervalMs);
  }

  /**
   * A write that was sent at this time of the monotonic clock has succeeded: the connection stands, at a primary.
   *
   * @param receivers of the text of {@link echoDue}; negative where it was not published
   */
  wrote(sentAt: number, receivers = -1): void {
    this.links.leader.proven(sentAt);
    if (receivers >= 0) this.hearing.counted(receivers);
  }

  /** Calls the listener with every change of state; the returned function stops this. */
  onState(listener: (state: ConnectionState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Resolves when everything is ready, however long that takes.
   *
   * @param onWait if it must wait, this is called with a function that ends the wait; the promise then never settles
   *
   * @throws HydraError `CLOSED` when closed meanwhile; at the start also `REDIS_UNAVAILABLE` or `FORBIDDEN`, when Redis
   * rejects this process: a password, a certificate, a right, a version that is too old
   */
  connect(onWait?: (giveUp: () => void) => void): Promise<void> {
    if (this.life === 'closed') return Promise.reject(this.closedError());
    if (this.life === 'idle') outside(() => this.start());
    if (this.isReady) return Promise.resolve();
    const isPatient = this.life === 'lost';
    if (this.refusal && !isPatient) return Promise.reject(this.refusal);
    return new Promise((ready, failed) => {
      const waiter = { ready, failed, isPatient };
      this.waiters.add(waiter);
      onWait?.(() => this.waiters.remove(waiter));
    });
  }

  /**
   * Runs one or more commands once Redis is ready.
   *
   * @throws HydraError `REDIS_UNAVAILABLE` when it is not ready in time, the connection broke under the command, or Redis
   *   refused it; `FORBIDDEN` when Redis refused it for lack of rights
   */
  async run<T>(what: string, command: (redis: RedisClient) => Promise<T>): Promise<T> {
    if (!this.isReady) await this.readyWithin(this.options.connection.commandTimeoutMs, what);
    try {
      // On a Cluster a command may open the connection to its node.
      return await outside(() => command(this.commands));
    } catch (cause) {
      throw this.failure(what, cause);
    }
  }

  /** The error of the driver as a HydraError. A refusal of Redis is also recorded. */
  failure(what: string, cause: unknown, facts?: HydraErrorOptions): HydraError {
    const error = redisError(what, cause, facts);
    this.refusals.note(error);
    return error;
  }

  /**
   * Runs something that a start needs. It runs again whenever the connection breaks meanwhile, without a limit.
   *
   * @throws HydraError `CLOSED` when closed meanwhile; what Redis itself refuses
   */
  async retryWhileUnavailable(act: () => Promise<void>): Promise<void> {
    for (;;) {
      await this.connect();
      try {
        return await act();
      } catch (error) {
        if (!isAway(error)) throw error;
        await sleep(this.clock, RETRY_PAUSE_MS, { ref: true });
      }
    }
  }

  /** A separate connection for a reader that blocks (BLMOVE, XREADGROUP BLOCK), at the server of the commands. */
  openBlocking(): Link {
    const link = this.links.follow('blocking');
    if (this.links.leader.server) link.connect();
    return link;
  }

  /**
   * Resolves when the connection of a reader is open and is at the server of the commands.
   *
   * @throws HydraError `REDIS_UNAVAILABLE` when it is not within `limitMs`; `CLOSED` when it is closed
   */
  admitted(link: Link, what: string, limitMs: number): Promise<void> {
    if (this.links.isAdmitted(link)) return Promise.resolve();
    const closed = new HydraError('CLOSED', `${what}: the connection is closed`);
    if (link.isClosed) return Promise.reject(closed);
    return new Promise((resolve, reject) => {
      const stop = this.links.onChange(() => {
        if (this.links.isAdmitted(link)) finish(resolve);
        else if (link.isClosed) finish(() => reject(closed));
      });
      const late = () => finish(() => reject(this.notConnected(what, `${limitMs} ms`)));
      const timer = this.clock.setTimeout(late, limitMs, { ref: true });
      const finish = (act: () => void) => {
        stop();
        this.clock.clear(timer);
        act();
      };
    });
  }

  closeBlocking(link: Link): void {
    this.links.close(link);
  }

  /** Closes every connection at once; whatever waits is rejected. Idempotent. */
  close(): void {
    if (this.life === 'closed') return;
    this.settling.stop();
    this.become('closed');
    this.waiters.closed(this.closedError());
    this.links.closeAll();
    this.rotation?.close();
  }

  /**
   * Gives a listener everything that is published on a channel, after the subscription is confirmed, and again after
   * each reconnect. All listeners of a channel share one subscription. When a listener throws, this is logged, and the
   * others still run.
   */
  subscribe(channel: string, listener: ChannelListener, reach?: Reach): Subscription {
    return this.subscriptions.subscribe(channel, listener, reach);
  }

  /**
   * As {@link subscribe}. In addition, the process tests on this channel whether it receives its own messages, until
   * the subscription ends. There is one such channel.
   */
  hearOn(channel: string, listener: ChannelListener): Subscription {
    const heard: ChannelListener = (text, isInShard) => {
      this.hearing.heard();
      const sentAt = sentAtOf(text);
      // Whoever may call this process may write this too.
      if (sentAt !== undefined && sentAt <= this.clock.monotonic()) this.listener.proven(sentAt);
      listener(text, isInShard);
    };
    const subscription = this.subscribe(channel, heard, 'own shard too');
    let hasEnded = false;
    const confirmed = async () => {
      await subscription.confirmed();
      if (!hasEnded) await this.proveHearing(channel);
    };
    const stop = () => {
      hasEnded = true;
      this.hearing.require(undefined);
    };
    const unsubscribe = () => {
      stop();
      subscription.unsubscribe();
    };
    const end = () => {
      stop();
      return subscription.end();
    };
    return { confirmed, unsubscribe, end };
  }

  failed(role: Role, error: Error): void {
    this.report.failed(role, error);
    this.rotation?.failed(error);
    this.refusal = refusalToConnect(error, describeSource(this.options));
    if (this.refusal) this.waiters.refused(this.refusal);
  }

  refused(error: HydraError): void {
    this.refusals.note(error);
  }

  settled(): void {
    const runId = this.links.leader.server?.runId;
    // A process that does not know its server may be at another one after each loss.
    const isElsewhere = runId === undefined || runId !== this.runId;
    if (this.life === 'lost' && isElsewhere) this.atServerSince = this.clock.monotonic();
    this.runId = runId;
    this.refusal = undefined;
    if (this.subscriptions.refusals.length === 0) this.refusals.lifted('SUBSCRIBE');
    this.become('ready');
    this.waiters.ready();
  }

  unsettled(): void {
    if (this.isReady) this.become('lost');
  }

  /** On a Cluster one node has all keys of a service, and all messages to its instances. */
  private ownerOfOwnSlot(): SlotOwner | undefined {
    const { redis, service } = this.options;
    if (!isClusterLocation(redis)) return undefined;
    return new SlotOwner(this.commands as Cluster, slotOf(`{${service}}`));
  }

  private async proveHearing(channel: string): Promise<void> {
    this.hearing.require(channel);
    if ((await this.hearing.prove()) !== 'deaf') return;
    this.links.lookAnew(new Error('this process does not hear what it publishes on its own channel'));
    throw new HydraError('REDIS_UNAVAILABLE', `nothing that is published on ${channel} is heard`, {
      mayHaveRun: false,
    });
  }

  private start(): void {
    this.life = 'connecting';
    this.warnOfOverruled();
    this.settling.start();
    this.links.start();
  }

  private readyWithin(limitMs: number, what: string): Promise<void> {
    if (this.life === 'closed') return Promise.reject(this.closedError());
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.waiters.remove(waiter);
        reject(this.notConnected(what, `connection.commandTimeoutMs=${limitMs}`));
      };
      const timer = this.clock.setTimeout(giveUp, limitMs, { ref: true });
      const settle = (act: () => void) => {
        this.clock.clear(timer);
        act();
      };
      const waiter: ReadinessWaiter = {
        ready: () => settle(resolve),
        failed: (error) => settle(() => reject(error)),
        isPatient: true,
      };
      this.waiters.add(waiter);
    });
  }

  private become(state: ConnectionState): void {
    if (this.life === state || this.life === 'closed') return;
    const { server } = this.links.leader;
    const place = describeSource(this.options);
    const wasLost = this.life === 'lost';
    if (state === 'lost') this.report.lost(place);
    if (state === 'ready') {
      this.report.connected(server, place, wasLost);
      if (wasLost) this.restoredAt = this.clock.monotonic();
    }
    this.life = state;
    for (const listener of [...this.listeners])
      callUserCode('a listener of the connection', () => listener(state));
  }

  private warnOfOverruled(): void {
    const names = overruledOptions(this.options.redis).filter((name) => !warnedOf.has(name));
    if (names.length === 0) return;
    for (const name of names) warnedOf.add(name);
    this.report.warn(`redis: ${names.join(', ')} are set by nestjs-hydra; what is given has no effect`);
  }

  private notConnected(what: string, limit: string): HydraError {
    const reason = this.reason === undefined ? '' : `: ${this.reason}`;
    const text = `${what}: no connection to Redis within ${limit}${reason}`;
    return new HydraError('REDIS_UNAVAILABLE', text, { mayHaveRun: false });
  }

  private closedError(): HydraError {
    return new HydraError('CLOSED', `the Redis connections of "${this.options.service}" are closed`);
  }
}
