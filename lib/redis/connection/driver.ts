import { Redis, type Cluster, type RedisOptions } from 'ioredis';

import type { RedisLocation, ResolvedOptions } from '../../hydra-options.js';
import { PatientCluster, type Patience } from './patient-cluster.js';
import { connectorTo, type SlotOwner } from './slot-owner.js';
import { prepareSockets } from './prepared-sockets.js';
import type { TlsFiles } from './tls-files.js';

/**
 * A client of ioredis.
 *
 * @publicApi
 */
export type RedisClient = Redis | Cluster;

/** The default limit for TCP and TLS, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Options of the driver that are set here, whatever is given. Why each: a command that was under way must never be sent
 * again, subscriptions are confirmed before a process counts as ready, and connecting again is `Link`'s.
 */
const OVERRULED: readonly (keyof RedisOptions)[] = [
  'autoResendUnfulfilledCommands',
  'autoResubscribe',
  'connectionName',
  'disconnectTimeout',
  'enableOfflineQueue',
  'enableReadyCheck',
  'lazyConnect',
  'maxRetriesPerRequest',
  'reconnectOnError',
  'retryStrategy',
];
const OVERRULED_OF_SENTINEL = ['sentinelRetryStrategy'];
const OVERRULED_OF_CLUSTER = [
  'clusterRetryStrategy',
  'clusterNodeRetryStrategy',
  'enableOfflineQueue',
  'enableReadyCheck',
  'lazyConnect',
  'retryDelayOnClusterDown',
  'retryDelayOnFailover',
  'shardedSubscribers',
];

export interface ClientSettings {
  /** What CLIENT LIST shows. */
  readonly connectionName: string;
  /** Is told what Redis refuses. The command rejects with it in any case. */
  readonly onRefusal: (error: Error) => void;
  /** What TLS is spoken with, where it is not only the driver's options that say it. */
  readonly tls?: TlsFiles | undefined;
}

/** A client that does not connect by itself, neither at first nor again. */
export function createClient(location: RedisLocation, settings: ClientSettings & Patience): RedisClient {
  const own = ownOptions(location, settings);
  // The first value wins: a URL may contain options too.
  if (typeof location === 'string') return prepareSockets(new Redis(own as never, location as never));
  if (!('cluster' in location)) return prepareSockets(new Redis({ ...location, ...own } as object));
  const {
    retryStrategy: _,
    enableOfflineQueue: __,
    lazyConnect: ___,
    enableReadyCheck: ____,
    ...ofNodes
  } = own;
  const options = {
    // A client that only publishes is not told that slots move.
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    ...location.options,
    // Only the owner of a service's slot is subscribed to, by `Link`.
    shardedSubscribers: false,
    lazyConnect: true,
    enableOfflineQueue: false,
    // It asks any node, also one that is not connected yet, and breaks all off when that does not answer.
    enableReadyCheck: false,
    clusterRetryStrategy: () => null,
    redisOptions: { ...location.options?.redisOptions, ...ofNodes },
  };
  return new PatientCluster([...location.cluster], options, settings);
}

/** A client for the node of a Cluster that owns a slot. */
export function createSlotClient(
  { options }: ClusterLocation,
  owner: SlotOwner,
  settings: ClientSettings,
): Redis {
  const client = new Redis({
    ...options?.redisOptions,
    ...ownOptions({}, settings),
    connectTimeout: connectTimeoutMs({ cluster: [], ...(options && { options }) }),
    Connector: connectorTo(owner),
  } as object);
  return prepareSockets(client);
}

/** Where a Cluster is. */
export type ClusterLocation = Extract<RedisLocation, { readonly cluster: unknown }>;

export function isClusterLocation(location: RedisLocation): location is ClusterLocation {
  return typeof location === 'object' && 'cluster' in location;
}

const SLOTS_REFRESH_MS = 10_000;

/** How long TCP and TLS may take, in milliseconds. */
export function connectTimeoutMs(location: RedisLocation): number {
  const ms = Number(optionsOf(location)['connectTimeout']);
  return ms > 0 ? ms : CONNECT_TIMEOUT_MS;
}

/** Whether the connections to Redis are of TLS, as the location itself says. */
export function usesTls(location: RedisLocation): boolean {
  if (typeof location === 'string' && /^rediss:/i.test(location)) return true;
  return Boolean(optionsOf(location)['tls']);
}

/** The given options that have no effect, because this file sets them. */
export function overruledOptions(location: RedisLocation): readonly string[] {
  const names = given(optionsOf(location), [...OVERRULED, ...OVERRULED_OF_SENTINEL]);
  if (typeof location === 'string' || !('cluster' in location)) return names;
  return [...given(location.options ?? {}, OVERRULED_OF_CLUSTER), ...names];
}

function given(options: object, names: readonly string[]): readonly string[] {
  return names.filter((name) => (options as Record<string, unknown>)[name] !== undefined);
}

/** The address of Redis, without credentials. */
export function describeLocation(location: RedisLocation): string {
  if (typeof location === 'string') return describeUrl(location);
  if ('cluster' in location) return `the Cluster at ${location.cluster.map(describeNode).join(', ')}`;
  const { sentinels, name, path, host = 'localhost', port = 6_379 } = location;
  if (sentinels) return `"${name}" of the Sentinels at ${sentinels.map(describeNode).join(', ')}`;
  return path ?? `${host}:${port}`;
}

/** The address of Redis, and where it is from unless an option of this process says it. */
export function describeSource({ redis, redisSource }: Source): string {
  const place = describeLocation(redis);
  if (redisSource === 'HYDRA_REDIS_URL') return `${place} (HYDRA_REDIS_URL)`;
  return redisSource === 'redis' ? place : `${place} (the default: set HYDRA_REDIS_URL, or the option redis)`;
}

type Source = Pick<ResolvedOptions, 'redis' | 'redisSource'>;

function ownOptions(
  location: RedisLocation,
  { connectionName, onRefusal, tls }: ClientSettings,
): RedisOptions {
  return {
    connectionName,
    lazyConnect: true,
    // A PUBLISH sent again after a reconnect would run a call twice.
    autoResendUnfulfilledCommands: false,
    // RedisConnections subscribes again itself, to know when that is confirmed.
    autoResubscribe: false,
    // Otherwise a command that waits for a connection would run after its caller has given up.
    enableOfflineQueue: false,
    // With null, a command under way when its connection breaks would neither be resent nor ever be rejected.
    maxRetriesPerRequest: 0,
    connectTimeout: connectTimeoutMs(location),
    // How long closing waits for a peer that may be gone. The process stays alive meanwhile.
    disconnectTimeout: 200,
    // `Link` connects again. The driver's own timer cannot be stopped once the client has connected otherwise.
    retryStrategy: () => null,
    // `Link` asks the server what it is, and continues where INFO is not allowed.
    enableReadyCheck: false,
    reconnectOnError: (error) => {
      onRefusal(error);
      return false;
    },
    ...ofSentinel(location),
    ...(tls && tlsOf(location, tls)),
  };
}

function tlsOf(location: RedisLocation, tls: TlsFiles): RedisOptions {
  const { tls: own, sentinelTLS } = optionsOf(location);
  const ofPrimary = { tls: tls.optionsFor(own) };
  if (typeof location === 'string' || !('sentinels' in location)) return ofPrimary;
  const ofSentinels = tls.sentinels && { sentinelTLS: tls.optionsFor(sentinelTLS ?? own) };
  return { ...ofPrimary, enableTLSForSentinelMode: true, ...ofSentinels };
}

/** Otherwise a Sentinel that accepts and never answers would block for ever. */
function ofSentinel(location: RedisLocation): RedisOptions {
  if (typeof location === 'string' || !('sentinels' in location)) return {};
  const { sentinelCommandTimeout = SENTINEL_TIMEOUT_MS } = location;
  return { sentinelCommandTimeout, sentinelRetryStrategy: () => null };
}

const SENTINEL_TIMEOUT_MS = 2_000;

/** The options for each connection, wherever they are given. */
function optionsOf(location: RedisLocation): Record<string, unknown> {
  if (typeof location === 'string') return queryOf(location);
  const options: object = 'cluster' in location ? (location.options?.redisOptions ?? {}) : location;
  return options as Record<string, unknown>;
}

function queryOf(url: string): Record<string, string> {
  const at = url.indexOf('?');
  return at < 0 ? {} : Object.fromEntries(new URLSearchParams(url.slice(at + 1)));
}

function describeUrl(url: string): string {
  if (!URL.canParse(url)) return 'the given location';
  const { hostname, port, pathname } = new URL(url);
  return hostname ? `${hostname}:${port || 6_379}` : pathname;
}

function describeNode(node: unknown): string {
  if (typeof node === 'number') return `localhost:${node}`;
  if (typeof node === 'string') return describeUrl(node.includes('://') ? node : `redis://${node}`);
  const { host = 'localhost', port = 6_379 } = node as { host?: string; port?: number };
  return `${host}:${port}`;
}
