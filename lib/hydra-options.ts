import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';

import {
  balancer,
  breaker,
  BREAKER_NAMES,
  CALL_NAMES,
  calls,
  type Balancer,
  type BalancerName,
  type BreakerOptions,
  type CallOptions,
  type PacketDeserializer,
  type PacketSerializer,
} from './options/call-options.js';
import { badOption, integer, serviceName, string, type Environment, type Group } from './options/checks.js';
import {
  CONFIG_NAMES,
  configOptions,
  type ConfigOptions,
  type ResolvedConfigOptions,
} from './options/config-options.js';
import { refuseHarmfulOptions } from './options/driver-options.js';
import { fromEnvironment } from './options/environment.js';
import {
  connection,
  CONNECTION_NAMES,
  discovery,
  DISCOVERY_NAMES,
  drain,
  DRAIN_NAMES,
  health,
  HEALTH_NAMES,
  logging,
  LOGGING_NAMES,
  presence,
  PRESENCE_NAMES,
  type ConnectionOptions,
  type DiscoveryOptions,
  type DrainOptions,
  type HealthOptions,
  type LoggingOptions,
  type PresenceOptions,
} from './options/instance-options.js';
import { credentialsOption, type CredentialsProvider } from './options/credentials-options.js';
import { layout } from './options/key-layout.js';
import {
  metrics,
  METRICS_NAMES,
  ops,
  OPS_NAMES,
  type MetricsOptions,
  type OpsOptions,
  type ResolvedMetricsOptions,
  type ResolvedOpsOptions,
} from './options/metrics-options.js';
import { refuseUnknown, type NamesOf } from './options/names.js';
import { queue, QUEUE_NAMES, type QueueOptions, type ResolvedQueueOptions } from './options/queue-options.js';
import { checkRedisLocation } from './options/redis-location.js';
import {
  STREAM_NAMES,
  streams,
  type ResolvedStreamOptions,
  type StreamOptions,
} from './options/stream-options.js';
import type { LayoutName } from './protocol/keys.js';
import { TLS_NAMES, tlsOptions, type ResolvedTlsOptions, type TlsOptions } from './options/tls-options.js';

export type { LayoutName } from './protocol/keys.js';
export type {
  Balancer,
  BalancerName,
  BalancerView,
  BreakerOptions,
  CallOptions,
  Instance,
  PacketDeserializer,
  PacketSerializer,
} from './options/call-options.js';
export {
  badOption,
  nonEmptyString,
  integer,
  MAX_TIMER_MS,
  serviceName,
  type Environment,
} from './options/checks.js';
export {
  refuseMisspelt,
  refuseUnknown,
  withoutUnknown,
  type NamesOf,
  type OptionNames,
} from './options/names.js';
export type { MetricsOptions, OpsOptions } from './options/metrics-options.js';
export type { ConfigOptions, ResolvedConfigOptions } from './options/config-options.js';
export type {
  ConnectionOptions,
  DiscoveryOptions,
  DrainOptions,
  HealthOptions,
  LoggingLevel,
  LoggingOptions,
  PresenceOptions,
} from './options/instance-options.js';
export {
  BACKOFF_NAMES,
  checkJob,
  checkPage,
  checkQueueName,
  JOB_NAMES,
  resolveJobOptions,
  type Backoff,
  type BackoffRule,
  type JobOptions,
  type QueueOptions,
  type ResolvedJobOptions,
  type ResolvedQueueOptions,
  type CompletedOptions,
  type RetentionOptions,
} from './options/queue-options.js';
export {
  checkGroupName,
  checkStreamName,
  ENTRY_NAMES,
  type DeadLetterLimits,
  type EntryOptions,
  type EventStream,
  type OrderBy,
  type ResolvedStreamOptions,
  type StreamOptions,
  type StreamStart,
} from './options/stream-options.js';
export type {
  CredentialsFunction,
  CredentialsProvider,
  RedisCredentials,
  StreamingCredentials,
} from './options/credentials-options.js';
export type { ResolvedTlsOptions, TlsOptions } from './options/tls-options.js';

/**
 * Where Redis is: a URL (`redis://`, `rediss://`), ioredis options (Sentinel included), or a Cluster.
 *
 * @publicApi
 */
export type RedisLocation =
  string | RedisOptions | { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions };

/**
 * The options of this process. Only `service` is required.
 *
 * The environment's `HYDRA_SERVICE` (JSON or `key=value|key=value`, with Hydra's member names `serviceName`,
 * `serviceVersion`, `serviceDescription`, `serviceType`, `serviceIP`, `servicePort`) overrides what is given here, as it
 * does for Hydra 1.9.
 *
 * @publicApi
 */
export interface HydraOptions {
  /**
   * The name of the service, which many processes share. Lower-cased; no `@ : * ? [ ] \`, no white space, not
   * `service`, not starting with `http`.
   */
  readonly service: string;
  /**
   * Version of the service, semver advised: a range is compared with what looks like a version in it (`v2` as 2.0.0), and a text
   * without one is in no range.
   * @defaultValue '0.0.0'
   */
  readonly version?: string;
  /** A description for people, one line. @defaultValue 'not specified' */
  readonly description?: string;
  /** A free word that groups services. @defaultValue '' */
  readonly type?: string;

  /**
   * Where Redis is. A `keyPrefix` is refused; use `namespace`. @defaultValue the environment's HYDRA_REDIS_URL, else
   * redis://127.0.0.1:6379
   */
  readonly redis?: RedisLocation;
  /**
   * TLS by files, which may be replaced on disk; beside a `rediss:` URL or alone. The environment's HYDRA_REDIS_TLS_CA,
   * _CERT, _KEY, _PASSPHRASE and _SERVERNAME add to a location that speaks TLS. @defaultValue as `redis` says
   */
  readonly tls?: TlsOptions;
  /**
   * Gives user and password of Redis, where they change: a function that is asked before they expire, or a provider of
   * `@redis/entraid`. Connections that stand are logged in again, new ones take the latest. Not beside a password in `redis`.
   * @defaultValue as `redis` says
   */
  readonly credentials?: CredentialsProvider;
  /** Separates environments on one Redis. Hydra 1.x instances use only the default. @defaultValue 'hydra' */
  readonly namespace?: string;
  /**
   * How keys are named. With `'hash-tags'` the service is in braces, which keeps all keys of one service together where
   * several servers share the keys: a Cluster, or a proxy that shards behind one address. All processes have to use the
   * same; Hydra 1.x knows the classic one only. @defaultValue 'hash-tags' on a Cluster, else 'classic'
   */
  readonly layout?: LayoutName;

  /**
   * The address advertised for HTTP: an IP, a host name, or a pattern such as `10.0.*` tried on this machine's IPv4
   * addresses. @defaultValue the first IPv4 address that is not 127.0.0.1, else 127.0.0.1
   */
  readonly host?: string;
  /** The HTTP port advertised. @defaultValue the port a hybrid application listens on, else 0 */
  readonly port?: number;
  /** Tags that clients can require. @defaultValue [] */
  readonly tags?: readonly string[];
  /** Facts about this instance that others can read. @defaultValue {} */
  readonly metadata?: Readonly<Record<string, string>>;

  /** How long a caller waits for the reply, in milliseconds; the handler may still finish after it. @defaultValue 30000 */
  readonly timeoutMs?: number;
  /** How the instance for a call is chosen. @defaultValue 'p2c' */
  readonly balancer?: BalancerName | Balancer;
  /** Largest message sent, in bytes of its JSON. @defaultValue 1048576 */
  readonly maxPayloadBytes?: number;

  /** Nest's custom serializer of outgoing packets. @defaultValue none: packets travel as they are */
  readonly serializer?: PacketSerializer;
  /** Nest's custom deserializer of incoming packets. @defaultValue none */
  readonly deserializer?: PacketDeserializer;

  /**
   * Whether `HydraModule` gives the application a `HydraExceptionFilter`, the last of all filters.
   * @defaultValue true
   */
  readonly exceptionFilter?: boolean;

  /** The heartbeat of an instance. */
  readonly presence?: PresenceOptions;
  /** How often a health record is written, and how long it lives. */
  readonly health?: HealthOptions;
  /** How much of the registry is kept in memory. */
  readonly discovery?: DiscoveryOptions;
  /** The log that `HydraLogger` keeps in Redis. */
  readonly logging?: LoggingOptions;
  /** How connections to Redis are checked and reconnected. */
  readonly connection?: ConnectionOptions;
  /** Limits of calls. */
  readonly calls?: CallOptions;
  /** When an instance that does not answer is left out. */
  readonly breaker?: BreakerOptions;
  /** Defaults and limits of jobs. */
  readonly queue?: QueueOptions;
  /** How long stopping may take. */
  readonly drain?: DrainOptions;
  /** Defaults and limits of durable events. */
  readonly streams?: StreamOptions;
  /** The service's stored configuration. */
  readonly config?: ConfigOptions;
  /** What this process counts, and where it is read. */
  readonly metrics?: MetricsOptions;
  /** An HTTP server for `/metrics`, `/live` and `/ready`. @defaultValue none */
  readonly ops?: OpsOptions;
}

/** The groups whose names are checked: not those of the driver or of the user. */
export const HYDRA_NAMES = {
  service: true,
  version: true,
  description: true,
  type: true,
  redis: true,
  tls: TLS_NAMES,
  credentials: true,
  namespace: true,
  layout: true,
  host: true,
  port: true,
  tags: true,
  metadata: true,
  timeoutMs: true,
  balancer: true,
  maxPayloadBytes: true,
  serializer: true,
  deserializer: true,
  exceptionFilter: true,
  presence: PRESENCE_NAMES,
  health: HEALTH_NAMES,
  discovery: DISCOVERY_NAMES,
  logging: LOGGING_NAMES,
  connection: CONNECTION_NAMES,
  calls: CALL_NAMES,
  breaker: BREAKER_NAMES,
  queue: QUEUE_NAMES,
  drain: DRAIN_NAMES,
  streams: STREAM_NAMES,
  config: CONFIG_NAMES,
  metrics: METRICS_NAMES,
  ops: OPS_NAMES,
} satisfies NamesOf<HydraOptions>;

/** Options after validation: complete, frozen. */
export interface ResolvedOptions {
  readonly service: string;
  readonly version: string;
  readonly description: string;
  readonly type: string;
  readonly redis: RedisLocation;
  /** What says where Redis is. */
  readonly redisSource: 'redis' | 'HYDRA_REDIS_URL' | 'default';
  readonly tls: ResolvedTlsOptions | undefined;
  readonly credentials: CredentialsProvider | undefined;
  readonly namespace: string;
  readonly layout: LayoutName;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly balancer: BalancerName | Balancer;
  readonly maxPayloadBytes: number;
  readonly serializer: PacketSerializer | undefined;
  readonly deserializer: PacketDeserializer | undefined;
  readonly exceptionFilter: boolean;
  readonly presence: Group<PresenceOptions>;
  readonly health: Group<HealthOptions>;
  readonly discovery: Group<DiscoveryOptions>;
  readonly logging: Group<LoggingOptions>;
  readonly connection: Group<ConnectionOptions>;
  readonly calls: Group<CallOptions>;
  readonly breaker: Group<BreakerOptions>;
  readonly queue: ResolvedQueueOptions;
  readonly drain: Group<DrainOptions>;
  readonly streams: ResolvedStreamOptions;
  readonly config: ResolvedConfigOptions;
  readonly metrics: ResolvedMetricsOptions;
  readonly ops: ResolvedOpsOptions | undefined;
}

/**
 * Validates once, fills in the defaults and freezes.
 *
 * @param taker the class or function that takes the options, for messages
 * @throws HydraError `BAD_OPTION` naming the option, the value and what is allowed; for a name that no option has
 */
export function resolveOptions(
  given: HydraOptions,
  environment: Environment = {},
  taker = 'HydraOptions',
): ResolvedOptions {
  refuseUnknown(taker, given, HYDRA_NAMES);
  const options = { ...given, ...fromEnvironment(environment) };
  const variable = environment['HYDRA_REDIS_URL'];
  const redis = location(options.redis, variable);
  const resolved: ResolvedOptions = {
    service: serviceName(options.service),
    version: string('version', options.version ?? '0.0.0'),
    description: string('description', options.description ?? 'not specified'),
    type: string('type', options.type ?? ''),
    redis,
    redisSource: options.redis === undefined ? (variable ? 'HYDRA_REDIS_URL' : 'default') : 'redis',
    tls: tlsOptions(options.tls, redis, environment),
    credentials: credentialsOption(options.credentials, redis),
    namespace: namespace(options.namespace ?? 'hydra'),
    layout: layout(options.layout, redis),
    host: options.host === undefined || options.host === '' ? undefined : string('host', options.host),
    port: options.port === undefined ? undefined : integer('port', options.port, 0, 65_535),
    tags: Object.freeze([...(options.tags ?? [])]),
    metadata: Object.freeze({ ...options.metadata }),
    timeoutMs: integer('timeoutMs', options.timeoutMs ?? 30_000, 1),
    balancer: balancer(options.balancer ?? 'p2c'),
    maxPayloadBytes: integer('maxPayloadBytes', options.maxPayloadBytes ?? 1_048_576, 1),
    serializer: options.serializer,
    deserializer: options.deserializer,
    exceptionFilter: options.exceptionFilter ?? true,
    presence: presence(options.presence),
    health: health(options.health),
    logging: logging(options.logging),
    discovery: discovery(options.discovery),
    connection: connection(options.connection),
    calls: calls(options.calls),
    breaker: breaker(options.breaker),
    queue: queue(options.queue ?? {}),
    drain: drain(options.drain),
    streams: streams(options.streams),
    config: configOptions(options.config ?? {}, environment),
    metrics: metrics(options.metrics),
    ops: ops(options.ops),
  };
  refuseHarmfulOptions(resolved.redis);
  return Object.freeze(resolved);
}

/** ioredis would add its prefix to some of the names that scripts use, and not to others. */
function location(option: RedisLocation | undefined, variable: string | undefined): RedisLocation {
  const given = option ?? (variable || 'redis://127.0.0.1:6379');
  checkRedisLocation(option === undefined ? 'HYDRA_REDIS_URL' : 'redis', given);
  for (const prefix of keyPrefixes(given)) {
    if (prefix) throw badOption('redis.keyPrefix', prefix, 'left out; use namespace');
  }
  return given;
}

function keyPrefixes(given: RedisLocation): readonly unknown[] {
  // ioredis takes options from the query of a URL too.
  if (typeof given === 'string') return [/[?&]keyPrefix=([^&#]*)/.exec(given)?.[1]];
  if (!('cluster' in given)) return [given.keyPrefix];
  return [given.options?.keyPrefix, given.options?.redisOptions?.keyPrefix];
}

function namespace(value: string): string {
  if (/^[\w.-]+$/.test(value)) return value;
  throw badOption('namespace', value, 'letters, digits, "_", "-" and "." only');
}
