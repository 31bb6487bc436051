import { badOption, numberOptions, integer, mustExceed, timerOptions, type Group } from './checks.js';
import type { NamesOf } from './names.js';
import { SECRET_NAMES } from './secret-names.js';

/**
 * How an instance shows that it is alive.
 *
 * @publicApi
 */
export interface PresenceOptions {
  /** Time between two heartbeats, in milliseconds. @defaultValue 1000 */
  readonly intervalMs?: number;
  /** How long an instance counts as alive after its last heartbeat, in milliseconds. @defaultValue 3000 */
  readonly ttlMs?: number;
}

/**
 * How much of the registry is kept in memory.
 *
 * @publicApi
 */
export interface DiscoveryOptions {
  /**
   * In a registry of up to this many instances, all are kept in memory; in a larger one, only those of services that
   * are asked for. `discovery.watch('*')` asks for all. @defaultValue 1000
   */
  readonly maxInstances?: number;
  /**
   * Whether this process takes part in the upkeep of what belongs to other services, as far as its rights go: takes their
   * dead out of the registry, enters Hydra 1.x instances. Without it, it looks for itself. @defaultValue true
   */
  readonly upkeep?: boolean;
}

/**
 * How often a health record is written, and how long it lives.
 *
 * @publicApi
 */
export interface HealthOptions {
  /** Time between two health records, in milliseconds. @defaultValue 5000 */
  readonly intervalMs?: number;
  /** Life of a health record, in milliseconds; longer than the interval. @defaultValue 15000 */
  readonly ttlMs?: number;
}

/**
 * How connections to Redis are checked and reconnected.
 *
 * @publicApi
 */
export interface ConnectionOptions {
  /**
   * Time between two PINGs of a connection, in milliseconds; an unanswered one ends the connection. None is sent where something else
   * has shown as much within that time. @defaultValue 2000
   */
  readonly pingIntervalMs?: number;
  /** Longest pause between two attempts to reconnect, in milliseconds. @defaultValue 1000 */
  readonly maxReconnectDelayMs?: number;
  /**
   * How long a Redis command waits for a connection, in milliseconds. A command that was sent ends with its connection;
   * when Redis does not respond, the connection is closed within twice `pingIntervalMs`. @defaultValue 5000
   */
  readonly commandTimeoutMs?: number;
}

/**
 * How a process stops.
 *
 * @publicApi
 */
export interface DrainOptions {
  /** How long stopping waits for work in progress, in milliseconds. @defaultValue 10000 */
  readonly timeoutMs?: number;
}

/**
 * The log that HydraLogger keeps in Redis.
 *
 * @publicApi
 */
export interface LoggingOptions {
  /** The least urgent level that is kept. @defaultValue 'log' */
  readonly level?: LoggingLevel;
  /**
   * Lines that Redis keeps of each instance. Hydra 1.9 keeps 64, and its tools show no more.
   * @defaultValue 64
   */
  readonly maxEntries?: number;
  /** How long lines are gathered before they are written together, in milliseconds, up to 200. @defaultValue 100 */
  readonly flushMs?: number;
  /** How many lines are kept in a second; further ones are dropped and counted. @defaultValue 100 */
  readonly maxPerSecond?: number;
  /** How many lines are held while Redis is away; the oldest are dropped and counted. @defaultValue 64 */
  readonly maxPending?: number;
  /**
   * Endings of names whose values are hidden, in whatever case.
   *
   * @defaultValue password, passwd, passphrase, secret, token, credential(s), authorization, cookie; and api, private, access
   *   and encryption key, written `apikey`, `api_key` or `api-key`
   */
  readonly redact?: readonly string[];
}

/**
 * Nest's log levels, most urgent first.
 *
 * @publicApi
 */
export type LoggingLevel = 'fatal' | 'error' | 'warn' | 'log' | 'debug' | 'verbose';

export const PRESENCE_NAMES = { intervalMs: true, ttlMs: true } satisfies NamesOf<PresenceOptions>;
export const HEALTH_NAMES = { intervalMs: true, ttlMs: true } satisfies NamesOf<HealthOptions>;
export const DISCOVERY_NAMES = { maxInstances: true, upkeep: true } satisfies NamesOf<DiscoveryOptions>;
export const DRAIN_NAMES = { timeoutMs: true } satisfies NamesOf<DrainOptions>;

export const CONNECTION_NAMES = {
  pingIntervalMs: true,
  maxReconnectDelayMs: true,
  commandTimeoutMs: true,
} satisfies NamesOf<ConnectionOptions>;

export const LOGGING_NAMES = {
  level: true,
  maxEntries: true,
  flushMs: true,
  maxPerSecond: true,
  maxPending: true,
  redact: true,
} satisfies NamesOf<LoggingOptions>;

/** @internal */
export const LOGGING_LEVELS: readonly string[] = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'];

export function logging(given: LoggingOptions = {}): Group<LoggingOptions> {
  const { level = 'log', redact = SECRET_NAMES, flushMs = 100, maxEntries = 64 } = given;
  if (!LOGGING_LEVELS.includes(level))
    throw badOption('logging.level', level, `one of ${LOGGING_LEVELS.join(', ')}`);
  const numbers = numberOptions('logging', { maxPerSecond: 100, maxPending: 64 }, given);
  return Object.freeze({
    ...numbers,
    maxEntries: integer('logging.maxEntries', maxEntries, 1, 100_000),
    flushMs: integer('logging.flushMs', flushMs, 1, 200),
    level,
    redact: Object.freeze([...redact]),
  });
}

export function presence(given?: PresenceOptions): Group<PresenceOptions> {
  const resolved = timerOptions('presence', { intervalMs: 1_000, ttlMs: 3_000 }, given);
  mustExceed('presence.ttlMs', resolved.ttlMs, 'presence.intervalMs', resolved.intervalMs);
  return resolved;
}

export function health(given?: HealthOptions): Group<HealthOptions> {
  const resolved = timerOptions('health', { intervalMs: 5_000, ttlMs: 15_000 }, given);
  mustExceed('health.ttlMs', resolved.ttlMs, 'health.intervalMs', resolved.intervalMs);
  return resolved;
}

export function discovery(given?: DiscoveryOptions): Group<DiscoveryOptions> {
  const { upkeep = true, ...numbers } = given ?? {};
  if (typeof upkeep !== 'boolean') throw badOption('discovery.upkeep', upkeep, 'true or false');
  const resolved = numberOptions('discovery', { maxInstances: 1_000 }, numbers, ['maxInstances']);
  return Object.freeze({ ...resolved, upkeep });
}

export function connection(given?: ConnectionOptions): Group<ConnectionOptions> {
  const defaults = { pingIntervalMs: 2_000, maxReconnectDelayMs: 1_000, commandTimeoutMs: 5_000 };
  return timerOptions('connection', defaults, given);
}

export function drain(given?: DrainOptions): Group<DrainOptions> {
  return timerOptions('drain', { timeoutMs: 10_000 }, given, ['timeoutMs']);
}
