import { setTimeout as sleep } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import { Cluster, Redis, type RedisOptions } from 'ioredis';

import { HydraError } from '../hydra.error.js';
import type { RedisLocation, ResolvedOptions } from '../hydra.options.js';
import { outside } from './async.context.js';
import { watchConnection } from './half-open.js';
import { isAway, isReply, redisError } from './redis.error.js';
import { safely } from './safely.js';
import { connectNodes } from './slot.publish.js';

/** @publicApi */
export type RedisClient = Redis | Cluster;

/** What the connections say of themselves. */
export type ConnectionState = 'connecting' | 'ready' | 'lost' | 'closed';

const PERSIST_PAUSE_MS = 50;

type Role = 'commands' | 'subscriber' | 'blocking';

/**
 * The process's connections to Redis: one for commands, one for subscriptions, and one for each reader that blocks.
 *
 * A connection that breaks is made again for ever, quickly at first. A command that was under way is never sent twice:
 * its promise rejects, and the caller decides. No command waits in a queue while Redis is away; `run` waits for it, for
 * as long as `connection.commandTimeoutMs`.
 */
export class RedisConnections {
  readonly commands: RedisClient;
  readonly subscriber: RedisClient;
  /** Cluster needs hash tags in its keys, and PUBLISH's receiver count means little there. */
  readonly isCluster: boolean;

  private readonly logger = new Logger('Hydra');
  private readonly listeners = new Set<(state: ConnectionState) => void>();
  private readonly blocking = new Set<RedisClient>();
  private readonly subscriptions = new Set<string>();
  private current: ConnectionState = 'connecting';
  private isSubscribed = false;
  private isStarted = false;
  private wasLost = false;
  private readyAt = 0;
  private lastReport = -Infinity;

  constructor(private readonly options: Pick<ResolvedOptions, 'redis' | 'connection' | 'service'>) {
    this.isCluster = typeof options.redis === 'object' && 'cluster' in options.redis;
    this.commands = this.open('commands');
    this.subscriber = this.open('subscriber');
  }

  get state(): ConnectionState {
    return this.current;
  }

  get isReady(): boolean {
    return this.current === 'ready';
  }

  /** Milliseconds since the connection came back after a loss; Infinity if it was never lost. */
  restoredForMs(now = performance.now()): number {
    return this.wasLost && this.isReady ? now - this.readyAt : Infinity;
  }

  /** Hears every change of state; the returned function stops that. */
  onState(listener: (state: ConnectionState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves once both connections are ready, however long Redis is away; rejects only when closed meanwhile. */
  connect(): Promise<void> {
    if (this.current === 'closed') return Promise.reject(this.closedError());
    if (!this.isStarted) outside(() => this.start());
    return this.isReady ? Promise.resolve() : this.whenReady();
  }

  /**
   * Runs one or more commands once Redis is ready.
   *
   * @throws HydraError `REDIS_UNAVAILABLE` when it is not ready in time, the connection broke under the command, or Redis
   *   refused it; `FORBIDDEN` when Redis refused it for lack of rights
   */
  async run<T>(what: string, command: (redis: RedisClient) => Promise<T>): Promise<T> {
    if (!this.isReady) await this.whenReady(this.options.connection.commandTimeoutMs, what);
    try {
      // On a Cluster a command may open the connection to its node.
      return await outside(() => command(this.commands));
    } catch (cause) {
      throw redisError(what, cause);
    }
  }

  /**
   * Does what a start cannot go on without: again whenever Redis goes away under it, for as long as that takes.
   *
   * @throws HydraError `CLOSED` when closed meanwhile; what Redis itself refuses
   */
  async persist(act: () => Promise<void>): Promise<void> {
    for (;;) {
      await this.connect();
      try {
        return await act();
      } catch (error) {
        if (!isAway(error)) throw error;
        await sleep(PERSIST_PAUSE_MS);
      }
    }
  }

  /** A connection of its own for a reader that blocks (BLMOVE, XREADGROUP BLOCK). Closed with the others, or by the reader. */
  openBlocking(): RedisClient {
    const client = this.open('blocking');
    this.blocking.add(client);
    outside(() => void client.connect().catch(() => undefined));
    client.once('end', () => this.blocking.delete(client));
    return client;
  }

  /** Closes every connection at once; what waits is told. Idempotent. */
  close(): void {
    if (this.current === 'closed') return;
    this.become('closed');
    for (const client of [this.commands, this.subscriber, ...this.blocking]) client.disconnect();
  }

  /**
   * Subscribes once Redis is ready, and again after each reconnect. Resolves when Redis has confirmed it.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`; the subscription is then made with the next subscriber's connection
   */
  async subscribe(...channels: string[]): Promise<void> {
    for (const channel of channels) this.subscriptions.add(channel);
    await this.run('SUBSCRIBE', () => this.subscriber.subscribe(...channels));
  }

  async unsubscribe(...channels: string[]): Promise<void> {
    for (const channel of channels) this.subscriptions.delete(channel);
    if (this.isReady) await this.subscriber.unsubscribe(...channels).catch(() => undefined);
  }

  private start(): void {
    this.isStarted = true;
    this.subscriber.on('ready', () => void this.restoreSubscriptions());
    this.subscriber.on('close', () => (this.isSubscribed = false));
    for (const client of [this.commands, this.subscriber]) {
      for (const event of ['ready', 'close', 'end']) client.on(event, () => this.update());
      // The first attempt's failure is reported by 'error' and repeated by the retry strategy.
      client.connect().catch(() => undefined);
    }
  }

  /** Ready means that every subscription is confirmed: until then this process is deaf. */
  private async restoreSubscriptions(): Promise<void> {
    try {
      if (this.subscriptions.size > 0) await this.subscriber.subscribe(...this.subscriptions);
      this.isSubscribed = this.subscriber.status === 'ready';
    } catch (error) {
      // A connection that broke again has a successor, which starts over; Redis itself may refuse, and change its mind.
      if (isReply(error)) this.retrySubscriptions(error);
    }
    this.update();
  }

  private retrySubscriptions(error: Error): void {
    this.reportError('subscriber', error);
    setTimeout(() => {
      if (this.subscriber.status === 'ready' && !this.isSubscribed) void this.restoreSubscriptions();
    }, this.options.connection.maxReconnectDelayMs).unref();
  }

  private update(): void {
    const ready = this.commands.status === 'ready' && this.subscriber.status === 'ready' && this.isSubscribed;
    if (ready) this.become('ready');
    else if (this.isReady) this.become('lost');
  }

  private whenReady(withinMs?: number, what = ''): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (state: ConnectionState) => {
        if (state !== 'ready' && state !== 'closed') return;
        stop();
        clearTimeout(timer);
        if (state === 'ready') resolve();
        else reject(this.closedError());
      };
      const stop = this.onState(finish);
      const timer =
        withinMs === undefined
          ? undefined
          : setTimeout(() => {
              stop();
              const limit = `connection.commandTimeoutMs=${withinMs}`;
              reject(notConnected(`${what}: no connection to Redis within ${limit}`));
            }, withinMs);
      finish(this.current);
    });
  }

  private become(state: ConnectionState): void {
    if (this.current === state || this.current === 'closed') return;
    if (state === 'lost') this.wasLost = true;
    if (state === 'lost') this.logger.warn('lost the connection to Redis; reconnecting');
    if (state === 'ready' && this.current === 'lost') this.logger.log('connected to Redis again');
    if (state === 'ready') this.readyAt = performance.now();
    this.current = state;
    for (const listener of [...this.listeners]) safely('a listener of the connection', () => listener(state));
  }

  private closedError(): HydraError {
    return new HydraError('CLOSED', `the Redis connections of "${this.options.service}" are closed`);
  }

  private open(role: Role): RedisClient {
    const { redis, connection } = this.options;
    const name = `hydra:${this.options.service}:${role}`;
    const client = createClient(redis, connectionSettings(name, role, connection.maxReconnectDelayMs));
    client.on('error', (error: Error) => this.reportError(role, error));
    if (role !== 'blocking') outside(() => watchConnection(client, connection.pingIntervalMs));
    if (role === 'commands' && client instanceof Cluster) connectNodes(client);
    return client;
  }

  /** One line in five seconds: an absent Redis fails ten times a second. */
  private reportError(role: Role, error: Error): void {
    const now = performance.now();
    if (now - this.lastReport < 5_000) return;
    this.lastReport = now;
    this.logger.warn(`Redis (${role}): ${error.message || error.name}; trying again`);
  }
}

function notConnected(text: string): HydraError {
  return new HydraError('REDIS_UNAVAILABLE', text, { mayHaveRun: false });
}

function connectionSettings(connectionName: string, role: Role, maxDelayMs: number): RedisOptions {
  return {
    connectionName,
    lazyConnect: true,
    // A PUBLISH sent again after a reconnect would run a call twice.
    autoResendUnfulfilledCommands: false,
    // RedisConnections subscribes again itself, to know when that is confirmed.
    autoResubscribe: false,
    enableOfflineQueue: role === 'blocking',
    // With null, a command under way when its connection breaks would neither be resent nor ever be rejected.
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
    // How long closing waits for a peer that may be gone; the wait keeps the process alive.
    disconnectTimeout: 200,
    retryStrategy: (attempt) => backoffMs(attempt, maxDelayMs),
    // A primary that became a replica refuses writes; a new connection finds the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

/** 20, 40, 80 … ms up to the limit, each between half and the whole, so that a fleet does not return in one instant. */
function backoffMs(attempt: number, maxMs: number): number {
  const whole = Math.min(maxMs, 20 * 2 ** Math.min(attempt - 1, 10));
  return Math.round(whole * (0.5 + Math.random() / 2));
}

function createClient(location: RedisLocation, settings: RedisOptions): RedisClient {
  if (typeof location === 'string') return new Redis(location, settings as object);
  if (!('cluster' in location)) return new Redis({ ...location, ...settings } as object);
  const { retryStrategy, enableOfflineQueue, lazyConnect, ...redisOptions } = settings;
  return new Cluster([...location.cluster], {
    ...location.options,
    lazyConnect: true,
    enableOfflineQueue: enableOfflineQueue === true,
    clusterRetryStrategy: (attempt: number) => retryStrategy?.(attempt) as number,
    redisOptions: { ...location.options?.redisOptions, ...redisOptions },
  } as object);
}
