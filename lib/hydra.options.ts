import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';

import { HydraError } from './hydra.error.js';
import { serviceNameProblem } from './protocol/address.js';
import type { NodeRecord as Instance } from './protocol/records.js';
import type { ConfigType } from './protocol/standard-schema.js';

/**
 * One running process of a service, as discovery knows it.
 *
 * @publicApi
 */
export type { NodeRecord as Instance } from './protocol/records.js';

/** What a balancer may know about the instances when it chooses. */
export interface BalancerView {
  /** Calls sent to the instance that have not been answered: by this process, or by its own last word, whichever is more. */
  inFlight(instance: Instance): number;
  /** Moving average of the time an answer takes, in milliseconds; 0 while unknown. */
  latencyMs(instance: Instance): number;
  /** The call's pattern. */
  readonly pattern: string;
}

/**
 * Chooses the instance for a call. The list is never empty; returning undefined means none will do.
 *
 * @publicApi
 */
export type Balancer = (instances: readonly Instance[], view: BalancerView) => Instance | undefined;

/**
 * Turns a packet of Nest's (`{ pattern, data }`, `{ response, err, isDisposed }`) into what travels. May be async.
 *
 * @publicApi
 */
export interface PacketSerializer {
  serialize(packet: unknown, options?: Record<string, unknown>): unknown;
}

/** The inverse of {@link PacketSerializer}. @publicApi */
export interface PacketDeserializer {
  deserialize(packet: unknown, options?: Record<string, unknown>): unknown;
}

/** @publicApi */
export type BalancerName = 'p2c' | 'round-robin' | 'random';

/**
 * Where Redis is: a URL (`redis://`, `rediss://`), ioredis options (Sentinel included), or a Cluster.
 *
 * @publicApi
 */
export type RedisLocation =
  string | RedisOptions | { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions };

/**
 * How this process takes part. Only `service` is required.
 *
 * The environment's `HYDRA_SERVICE` (JSON or `key=value|key=value`, with Hydra's member names `serviceName`,
 * `serviceVersion`, `serviceDescription`, `serviceType`, `serviceIP`, `servicePort`) overrides what is given here, as it
 * does for Hydra 1.9.
 *
 * @publicApi
 */
export interface HydraOptions {
  /** The name many processes share. Lower-cased; no `@ : * ? [ ] \`, no white space, not `service`, not starting with `http`. */
  readonly service: string;
  /** Version of the service, semver advised. @defaultValue '0.0.0' */
  readonly version?: string;
  /** A line for people. @defaultValue 'not specified' */
  readonly description?: string;
  /** A free word that groups services. @defaultValue '' */
  readonly type?: string;

  /** @defaultValue the environment's HYDRA_REDIS_URL, else redis://127.0.0.1:6379 */
  readonly redis?: RedisLocation;
  /** Keeps environments on one Redis apart; another value than the default cuts off Hydra 1.x. @defaultValue 'hydra' */
  readonly namespace?: string;

  /**
   * The address advertised for HTTP: an IP, a host name, or a pattern such as `10.0.*` tried on this machine's IPv4
   * addresses. @defaultValue the first IPv4 address that is not 127.0.0.1, else 127.0.0.1
   */
  readonly host?: string;
  /** The HTTP port advertised. @defaultValue the port a hybrid application listens on, else 0 */
  readonly port?: number;
  /** Words by which clients may choose instances. @defaultValue [] */
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

  readonly presence?: PresenceOptions;
  readonly health?: HealthOptions;
  readonly discovery?: DiscoveryOptions;
  readonly logging?: LoggingOptions;
  readonly connection?: ConnectionOptions;
  readonly calls?: CallOptions;
  readonly breaker?: BreakerOptions;
  readonly queue?: QueueOptions;
  readonly drain?: DrainOptions;
  readonly streams?: StreamOptions;
  readonly config?: ConfigOptions;
}

/** @publicApi */
export interface PresenceOptions {
  /** Time between two heartbeats, in milliseconds. @defaultValue 1000 */
  readonly intervalMs?: number;
  /** How long an instance counts as alive after its last heartbeat, in milliseconds. @defaultValue 3000 */
  readonly ttlMs?: number;
}

/** @publicApi */
export interface DiscoveryOptions {
  /**
   * A registry of up to this many instances is held in memory as a whole; of a larger one, only the services that are asked
   * for. `discovery.watch('*')` asks for all. @defaultValue 1000
   */
  readonly maxInstances?: number;
}

/**
 * The log that HydraLogger keeps in Redis.
 *
 * @publicApi
 */
export interface LoggingOptions {
  /** The least urgent level that is kept. @defaultValue 'log' */
  readonly level?: LoggingLevel;
  /** How long lines are gathered before they are written together, in milliseconds, up to 200. @defaultValue 100 */
  readonly flushMs?: number;
  /** Lines taken in a second; more are left out and counted. @defaultValue 100 */
  readonly maxPerSecond?: number;
  /** Lines held while Redis is away; the oldest are left out and counted. @defaultValue 64 */
  readonly maxPending?: number;
  /** Names whose values are hidden, in whatever case. @defaultValue password, passwd, secret, token, authorization, cookie, apikey, api_key */
  readonly redact?: readonly string[];
}

/** @publicApi */
export type LoggingLevel = 'fatal' | 'error' | 'warn' | 'log' | 'debug' | 'verbose';

/** @publicApi */
export interface HealthOptions {
  /** Time between two health records, in milliseconds. @defaultValue 5000 */
  readonly intervalMs?: number;
  /** Life of a health record, in milliseconds; longer than the interval. @defaultValue 15000 */
  readonly ttlMs?: number;
}

/** @publicApi */
export interface ConnectionOptions {
  /** Time between two PINGs of a connection, in milliseconds; an unanswered one ends the connection. @defaultValue 2000 */
  readonly pingIntervalMs?: number;
  /** Longest pause between two attempts to reconnect, in milliseconds. @defaultValue 1000 */
  readonly maxReconnectDelayMs?: number;
  /** How long a Redis command waits for a lost connection to come back, in milliseconds. @defaultValue 5000 */
  readonly commandTimeoutMs?: number;
}

/** @publicApi */
export interface CallOptions {
  /** Handlers running at once in this process; 0 means no limit. @defaultValue 0 */
  readonly maxConcurrency?: number;
  /** Calls that may wait for a free place before the next is refused with OVERLOADED. @defaultValue 1000 */
  readonly maxWaiting?: number;
  /** Age at which an unanswered call is asked after at its instance, in milliseconds. @defaultValue 250 */
  readonly probeAfterMs?: number;
  /** Values of a streamed reply sent ahead of the caller. @defaultValue 1024 */
  readonly streamWindow?: number;
}

/** @publicApi */
export interface BreakerOptions {
  /** Calls in a row without an instance's answer after which it is left out; 0 turns the breaker off. @defaultValue 5 */
  readonly failures?: number;
  /** How long it is left out the first time, in milliseconds; doubled each time, up to 32 times that. @defaultValue 1000 */
  readonly ejectMs?: number;
  /** Share of the instances, from 0 to 1: with more of them out, all are used. @defaultValue 0.5 */
  readonly panicShare?: number;
}

/** @publicApi */
export interface DrainOptions {
  /** How long stopping waits for what is in hand, in milliseconds. @defaultValue 10000 */
  readonly timeoutMs?: number;
}

/** @publicApi */
export interface StreamOptions {
  /** Entries that one `@StreamPattern` handler has in hand at once, in this instance. @defaultValue 50 */
  readonly concurrency?: number;
  /** How often an entry is tried before it becomes a dead letter. @defaultValue 5 */
  readonly attempts?: number;
  /** Wait before the second attempt, in milliseconds; doubled for each further one. @defaultValue 200 */
  readonly retryMinMs?: number;
  /** Longest wait before an attempt, in milliseconds. @defaultValue 30000 */
  readonly retryMaxMs?: number;
  /** Idle time after which entries of consumers that are no instances of ours are claimed, in milliseconds. @defaultValue 60000 */
  readonly claimIdleMs?: number;
  /** How long a publisher's `id` keeps the same event from being stored twice, in milliseconds. @defaultValue 3600000 */
  readonly dedupMs?: number;
  /** Streams whose typed entries this service's `@EventPattern` handlers handle, by name or with options. @defaultValue [] */
  readonly events?: readonly (string | EventStream)[];
}

/** The member of an entry's data that orders it: its name (`customer`, `customer.id`), or a function of the data. */
export type OrderBy = string | ((data: never) => unknown);

/**
 * Where a group begins that does not exist yet: with what is published from now on, with everything that is stored, with
 * an entry's id, or with a time. A group that exists goes on where it is.
 */
export type StreamStart = 'new' | 'beginning' | (string & {}) | Date;

/**
 * How the entries of a stream are handled.
 *
 * @publicApi
 */
export interface EntryOptions {
  /** Each group is given every entry once, shared among its instances. @defaultValue the service's name */
  readonly group?: string;
  /** @defaultValue 'new' */
  readonly from?: StreamStart;
  /** Entries (or batches) that a handler has in hand at once, in this instance. @defaultValue `streams.concurrency` */
  readonly concurrency?: number;
  /**
   * How often an entry is tried before it becomes a dead letter; once more, and alone, when the last owner died with it in
   * hand, for it need not have been the cause. @defaultValue `streams.attempts`
   */
  readonly attempts?: number;
  /** Waits between attempts, in milliseconds. @defaultValue `streams.retryMinMs`, `streams.retryMaxMs` */
  readonly backoff?: { readonly minMs?: number; readonly maxMs?: number };
  /**
   * Entries with an equal value are handled one after another in the whole group, in their order in the stream; where the
   * value is undefined or null, in parallel. @defaultValue none
   */
  readonly orderBy?: OrderBy;
  /** After this long an attempt counts as failed and its signal aborts, in milliseconds; 0 means never. @defaultValue 0 */
  readonly timeoutMs?: number;
}

/**
 * A stream of events for the `@EventPattern` handlers of a service. All of them are in one group.
 *
 * @publicApi
 */
export interface EventStream extends EntryOptions {
  readonly stream: string;
}

/**
 * How long a failed job waits for its next attempt. `exponential` doubles `delayMs` with each attempt and draws the wait
 * from the upper half, so that jobs that failed together do not come back together.
 *
 * @publicApi
 */
export interface BackoffRule {
  readonly type: 'fixed' | 'exponential';
  /** The wait, or the first one, in milliseconds. */
  readonly delayMs: number;
  /** Longest wait of an exponential backoff, in milliseconds. @defaultValue 60000 */
  readonly maxMs?: number;
  /** False: exactly the doubled wait. @defaultValue true */
  readonly jitter?: boolean;
}

/**
 * Milliseconds, a rule, or a function of the attempt that failed (from 1) and its error's text.
 *
 * @publicApi
 */
export type Backoff = number | BackoffRule | ((attempt: number, error: string) => number);

/**
 * How the jobs of one pattern are handled.
 *
 * @publicApi
 */
export interface JobOptions {
  /** Jobs of the pattern that run at once in this process. @defaultValue 10 */
  readonly concurrency?: number;
  /** Times a job is tried before it becomes a dead letter. @defaultValue 3 */
  readonly attempts?: number;
  /** @defaultValue { type: 'exponential', delayMs: 1000, maxMs: 60000 } */
  readonly backoff?: Backoff;
  /** Longest run of one attempt, in milliseconds; 0 means no limit. @defaultValue 0 */
  readonly timeoutMs?: number;
  /** Jobs of the pattern that start within a time, over all instances. @defaultValue none */
  readonly rateLimit?: { readonly max: number; readonly perMs: number };
  /** The queue they are read from, beside the service's default one. @defaultValue 'default' */
  readonly queue?: string;
}

/** What is kept of finished jobs: until one limit is passed. @publicApi */
export interface RetentionOptions {
  /** Number kept; 0 keeps none. */
  readonly count?: number;
  /** Age, in milliseconds. */
  readonly ageMs?: number;
}

/** @publicApi */
export interface QueueOptions extends Omit<JobOptions, 'queue' | 'rateLimit'> {
  /** By pattern; they go before what the decorator says. @defaultValue {} */
  readonly patterns?: Readonly<Record<string, JobOptions>>;
  /** Outcomes of completed jobs. @defaultValue { count: 1000, ageMs: 3600000 } */
  readonly completed?: RetentionOptions;
  /** Dead letters. @defaultValue { count: 10000, ageMs: 1209600000 }: fourteen days */
  readonly dead?: RetentionOptions;
  /** How long an `id` given to `add` stays taken, in milliseconds. @defaultValue 3600000 */
  readonly dedupMs?: number;
  /** How long a job may wait for a handler of its pattern before it is a dead letter, in milliseconds. @defaultValue 60000 */
  readonly noHandlerMs?: number;
}

/**
 * How the service's stored configuration is chosen, checked and kept.
 *
 * @publicApi
 */
export interface ConfigOptions {
  /** What the whole configuration has to be: a Standard Schema or a class. @defaultValue any JSON object */
  readonly schema?: ConfigType;
  /** The stored version to use, and no other. @defaultValue the service's own, else the newest compatible one */
  readonly version?: string;
  /** The stored version to use when there is neither the service's own nor a compatible one. @defaultValue none */
  readonly label?: string;
  /** Used as long as nothing is stored. @defaultValue none */
  readonly defaults?: object;
  /** Paths whose values are never shown: `db.password`, `hosts.*.key`. @defaultValue [] */
  readonly secrets?: readonly string[];
  /** Whether `env:NAME` and `file:/path` stand for what they name. @defaultValue true */
  readonly references?: boolean;
  /** A file to keep the last good configuration in, for a start while Redis is down. @defaultValue none */
  readonly fallbackFile?: string;
  /** Keys that encrypt at rest, `id:base64[,id:base64…]`; the first encrypts. @defaultValue HYDRA_CONFIG_KEYS */
  readonly keys?: string;
  /** Changes that the history keeps, each with its document. @defaultValue 100 */
  readonly historyLimit?: number;
  /** Time between two looks for changes made by other programs, in milliseconds. @defaultValue 1000 */
  readonly checkIntervalMs?: number;
}

type Group<T> = Readonly<Required<T>>;

/** {@link JobOptions} without gaps. */
export interface ResolvedJobOptions {
  readonly concurrency: number;
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly timeoutMs: number;
  readonly rateLimit: { readonly max: number; readonly perMs: number } | undefined;
  readonly queue: string;
}

export interface ResolvedQueueOptions {
  readonly jobs: ResolvedJobOptions;
  readonly patterns: Readonly<Record<string, JobOptions>>;
  readonly completed: Group<RetentionOptions>;
  readonly dead: Group<RetentionOptions>;
  readonly dedupMs: number;
  readonly noHandlerMs: number;
}

/** Options after validation: complete, frozen. */
export interface ResolvedOptions {
  readonly service: string;
  readonly version: string;
  readonly description: string;
  readonly type: string;
  readonly redis: RedisLocation;
  readonly namespace: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly balancer: BalancerName | Balancer;
  readonly maxPayloadBytes: number;
  readonly serializer: PacketSerializer | undefined;
  readonly deserializer: PacketDeserializer | undefined;
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
}

export type ResolvedStreamOptions = Group<Omit<StreamOptions, 'events'>> & {
  readonly events: readonly EventStream[];
};

type OptionalConfig = 'schema' | 'version' | 'label' | 'defaults' | 'fallbackFile';

export type ResolvedConfigOptions = Group<Omit<ConfigOptions, OptionalConfig>> & {
  readonly [Name in OptionalConfig]: ConfigOptions[Name];
} & {
  /** The service asks for a stored configuration, even if nothing injects a part of it. */
  readonly isUsed: boolean;
};

/** A timer of Node's that is set for longer ends at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

export type Environment = Readonly<Record<string, string | undefined>>;

const STREAM_DEFAULTS = {
  concurrency: 50,
  attempts: 5,
  retryMinMs: 200,
  retryMaxMs: 30_000,
  claimIdleMs: 60_000,
  dedupMs: 3_600_000,
};

const BALANCERS: readonly unknown[] = ['p2c', 'round-robin', 'random'];

/**
 * Validates once, fills in the defaults and freezes.
 *
 * @throws HydraError `BAD_OPTION` naming the option, the value and what is allowed
 */
export function resolveOptions(given: HydraOptions, environment: Environment = {}): ResolvedOptions {
  const options = { ...given, ...fromEnvironment(environment) };
  const resolved: ResolvedOptions = {
    service: serviceName(options.service),
    version: text('version', options.version ?? '0.0.0'),
    description: text('description', options.description ?? 'not specified'),
    type: text('type', options.type ?? ''),
    redis: options.redis ?? (environment['HYDRA_REDIS_URL'] || 'redis://127.0.0.1:6379'),
    namespace: namespace(options.namespace ?? 'hydra'),
    host: options.host === undefined || options.host === '' ? undefined : text('host', options.host),
    port: options.port === undefined ? undefined : integer('port', options.port, 0, 65_535),
    tags: Object.freeze([...(options.tags ?? [])]),
    metadata: Object.freeze({ ...options.metadata }),
    timeoutMs: integer('timeoutMs', options.timeoutMs ?? 30_000, 1),
    balancer: balancer(options.balancer ?? 'p2c'),
    maxPayloadBytes: integer('maxPayloadBytes', options.maxPayloadBytes ?? 1_048_576, 1),
    serializer: options.serializer,
    deserializer: options.deserializer,
    presence: group('presence', { intervalMs: 1_000, ttlMs: 3_000 }, options.presence),
    health: group('health', { intervalMs: 5_000, ttlMs: 15_000 }, options.health),
    logging: logging(options.logging),
    discovery: group('discovery', { maxInstances: 1_000 }, options.discovery, ['maxInstances']),
    connection: group(
      'connection',
      { pingIntervalMs: 2_000, maxReconnectDelayMs: 1_000, commandTimeoutMs: 5_000 },
      options.connection,
    ),
    calls: group(
      'calls',
      { maxConcurrency: 0, maxWaiting: 1_000, probeAfterMs: 250, streamWindow: 1_024 },
      options.calls,
      ['maxConcurrency', 'maxWaiting'],
    ),
    breaker: {
      ...group('breaker', { failures: 5, ejectMs: 1_000 }, options.breaker, ['failures']),
      panicShare: share('breaker.panicShare', options.breaker?.panicShare ?? 0.5),
    },
    queue: queue(options.queue ?? {}),
    drain: group('drain', { timeoutMs: 10_000 }, options.drain, ['timeoutMs']),
    streams: {
      ...group('streams', STREAM_DEFAULTS, options.streams),
      events: Object.freeze((options.streams?.events ?? []).map(eventStream)),
    },
    config: configOptions(options.config ?? {}, environment),
  };
  mustExceed('presence.ttlMs', resolved.presence.ttlMs, 'presence.intervalMs', resolved.presence.intervalMs);
  mustExceed('health.ttlMs', resolved.health.ttlMs, 'health.intervalMs', resolved.health.intervalMs);
  return Object.freeze(resolved);
}

function queue(given: QueueOptions): ResolvedQueueOptions {
  const { patterns = {}, completed, dead, dedupMs = 3_600_000, noHandlerMs = 60_000, ...jobs } = given;
  const defaults: ResolvedJobOptions = {
    concurrency: 10,
    attempts: 3,
    backoff: { type: 'exponential', delayMs: 1_000, maxMs: 60_000 },
    timeoutMs: 0,
    rateLimit: undefined,
    queue: 'default',
  };
  const resolved = resolveJobOptions('queue', defaults, jobs);
  for (const [pattern, options] of Object.entries(patterns)) {
    resolveJobOptions(`queue.patterns["${pattern}"]`, resolved, options);
  }
  return Object.freeze({
    jobs: resolved,
    patterns,
    completed: group('queue.completed', { count: 1_000, ageMs: 3_600_000 }, completed, ['count']),
    dead: group('queue.dead', { count: 10_000, ageMs: 1_209_600_000 }, dead),
    dedupMs: integer('queue.dedupMs', dedupMs, 1),
    noHandlerMs: integer('queue.noHandlerMs', noHandlerMs, 0),
  });
}

/**
 * Lays options over others and checks them.
 *
 * @throws HydraError `BAD_OPTION` naming the option under `name`
 */
export function resolveJobOptions(
  name: string,
  below: ResolvedJobOptions,
  given: JobOptions,
): ResolvedJobOptions {
  const { rateLimit = below.rateLimit, queue: queueName = below.queue } = given;
  return Object.freeze({
    concurrency: integer(`${name}.concurrency`, given.concurrency ?? below.concurrency, 1),
    attempts: integer(`${name}.attempts`, given.attempts ?? below.attempts, 1),
    backoff: backoff(`${name}.backoff`, given.backoff ?? below.backoff),
    timeoutMs: integer(`${name}.timeoutMs`, given.timeoutMs ?? below.timeoutMs, 0),
    rateLimit: rateLimit && {
      max: integer(`${name}.rateLimit.max`, rateLimit.max, 1),
      perMs: integer(`${name}.rateLimit.perMs`, rateLimit.perMs, 1),
    },
    queue: checkQueueName(`${name}.queue`, queueName),
  });
}

/** Letters, digits, `_`, `-` and `.`: it becomes a part of key names. */
export function checkQueueName(option: string, value: unknown): string {
  if (typeof value === 'string' && /^[\w.-]+$/.test(value)) return value;
  throw bad(option, value, 'letters, digits, "_", "-" and "." only');
}

function backoff(option: string, value: unknown): Backoff {
  if (typeof value === 'function') return value as Backoff;
  if (typeof value === 'number') return integer(option, value, 0);
  const rule = value as Partial<BackoffRule> | null;
  if (rule?.type === 'fixed' || rule?.type === 'exponential') {
    integer(`${option}.delayMs`, rule.delayMs, 0);
    integer(`${option}.maxMs`, rule.maxMs ?? 60_000, 0);
    return rule as BackoffRule;
  }
  throw bad(option, value, 'milliseconds, { type: "fixed" | "exponential", delayMs }, or a function');
}

/** Lower-cases and checks a service name, wherever one comes from. */
export function serviceName(given: unknown, option = 'service'): string {
  if (typeof given !== 'string') throw bad(option, given, 'a string');
  const name = given.toLowerCase();
  const problem = serviceNameProblem(name);
  if (problem) throw new HydraError('BAD_OPTION', `${option} "${given}" ${problem}`);
  return name;
}

const LOGGING_LEVELS: readonly string[] = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'];
const SECRETS = ['password', 'passwd', 'secret', 'token', 'authorization', 'cookie', 'apikey', 'api_key'];

function logging(given: LoggingOptions = {}): Group<LoggingOptions> {
  const { level = 'log', redact = SECRETS, flushMs = 100 } = given;
  if (!LOGGING_LEVELS.includes(level))
    throw bad('logging.level', level, `one of ${LOGGING_LEVELS.join(', ')}`);
  const numbers = group('logging', { maxPerSecond: 100, maxPending: 64 }, given);
  return Object.freeze({
    ...numbers,
    flushMs: integer('logging.flushMs', flushMs, 1, 200),
    level,
    redact: Object.freeze([...redact]),
  });
}

/** Checks a group of whole numbers: at least 1, or 0 where `zeroable` says so. */
function group<T extends Record<string, number>>(
  name: string,
  defaults: T,
  given: { readonly [K in keyof T]?: number } | undefined,
  zeroable: readonly (keyof T & string)[] = [],
): Readonly<T> {
  const entries = Object.entries(defaults).map(([key, fallback]) => [
    key,
    integer(`${name}.${key}`, given?.[key] ?? fallback, zeroable.includes(key) ? 0 : 1),
  ]);
  return Object.freeze(Object.fromEntries(entries)) as Readonly<T>;
}

function eventStream(given: string | EventStream): EventStream {
  const resolved = typeof given === 'string' ? { stream: given } : given;
  if (typeof resolved?.stream === 'string' && resolved.stream !== '') return Object.freeze({ ...resolved });
  throw bad('streams.events', given, "streams' names, or { stream, … }");
}

function configOptions(given: ConfigOptions, environment: Environment): ResolvedConfigOptions {
  const { schema, version, label, defaults, fallbackFile } = given;
  return Object.freeze({
    ...{ schema, version, label, defaults, fallbackFile },
    isUsed: [schema, version, label, defaults, fallbackFile].some((option) => option !== undefined),
    secrets: Object.freeze([...(given.secrets ?? [])]),
    references: given.references ?? true,
    keys: text('config.keys', given.keys ?? environment['HYDRA_CONFIG_KEYS'] ?? ''),
    historyLimit: integer('config.historyLimit', given.historyLimit ?? 100, 1),
    checkIntervalMs: integer('config.checkIntervalMs', given.checkIntervalMs ?? 1_000, 1),
  });
}

function integer(option: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  const limit = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`;
  throw bad(option, value, `a whole number ${limit}`);
}

function share(option: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw bad(option, value, 'a number from 0 to 1');
}

function text(option: string, value: unknown): string {
  if (typeof value !== 'string') throw bad(option, value, 'a string');
  return value;
}

function namespace(value: string): string {
  if (/^[\w.-]+$/.test(value)) return value;
  throw bad('namespace', value, 'letters, digits, "_", "-" and "." only');
}

function balancer(value: unknown): BalancerName | Balancer {
  if (typeof value === 'function') return value as Balancer;
  if (BALANCERS.includes(value)) return value as BalancerName;
  throw bad('balancer', value, `one of ${BALANCERS.join(', ')}, or a function`);
}

function mustExceed(option: string, value: number, other: string, limit: number): void {
  if (value <= limit) throw bad(option, value, `more than ${other}=${limit}`);
}

function bad(option: string, value: unknown, allowed: string): HydraError {
  return new HydraError(
    'BAD_OPTION',
    `${option} must be ${allowed}, got ${JSON.stringify(value) ?? String(value)}`,
  );
}

/** Hydra 1.9's `HYDRA_SERVICE`. Its form `name:version` (a stored configuration) is not read here. */
function fromEnvironment(environment: Environment): Partial<HydraOptions> {
  const members = serviceMembers(environment['HYDRA_SERVICE'] ?? '');
  const given = {
    service: members['serviceName'],
    version: members['serviceVersion'],
    description: members['serviceDescription'],
    type: members['serviceType'],
    host: members['serviceIP'] || members['serviceDNS'] || undefined,
    port: members['servicePort'] ? Number(members['servicePort']) : undefined,
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Partial<HydraOptions>;
}

function serviceMembers(value: string): Readonly<Record<string, string | undefined>> {
  const trimmed = value.replaceAll('\n', '').trim();
  if (trimmed.startsWith('{')) {
    try {
      return JSON.parse(trimmed) as Record<string, string>;
    } catch (cause) {
      throw new HydraError('BAD_OPTION', `the environment's HYDRA_SERVICE is not JSON: ${trimmed}`, {
        cause,
      });
    }
  }
  if (!trimmed.includes('=')) return {};
  return Object.fromEntries(trimmed.split('|').map((pair) => pair.split('=', 2) as [string, string]));
}
