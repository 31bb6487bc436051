import { InvalidArgumentError, type Command } from 'commander';
import type { Observable } from 'rxjs';

import {
  resolveOptions,
  type Environment,
  type RedisLocation,
  type TlsOptions,
} from '../../hydra-options.js';
import { checkRedisLocation } from '../../options/redis-location.js';
import { TLS_VARIABLES } from '../../options/tls-options.js';
import { HydraInstance } from '../../hydra-instance.js';
import { describeLocation } from '../../redis/connection/driver.js';
import { connect } from './connect.js';
import { CommandFailure, ExitCode } from './command-failure.js';

/** The options of every command. */
export interface GlobalOptions {
  readonly redis?: string;
  readonly cluster?: boolean;
  readonly layout?: string;
  /** The name of the primary, where the URL is that of a Sentinel. */
  readonly sentinel?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsServername?: string;
  readonly namespace: string;
  /** In milliseconds; undefined when it is not given. */
  readonly timeout?: number;
  readonly json?: boolean;
}

/** Where a command works. */
export interface Place {
  readonly instance: HydraInstance;
  readonly options: GlobalOptions;
  /** @throws CommandFailure when there is no connection, with the reason */
  connect(this: void): Promise<void>;
}

/** Its name in Redis's client list. It does not register as an instance. */
const SERVICE = 'nestjs-hydra-cli';

export const LAYOUTS = ['classic', 'hash-tags'] as const;
const DEFAULT_TIMEOUT_MS = 5_000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs a command against Redis, as a reader without an instance, and closes the connections. */
export function withInstance<T>(
  command: Command,
  act: (instance: HydraInstance, options: GlobalOptions) => Promise<T>,
): Promise<T> {
  return withPlace(command, async (place) => {
    await place.connect();
    return act(place.instance, place.options);
  });
}

/** The same for a command that has something to say without a connection, too: it connects by itself. */
export async function withPlace<T>(command: Command, act: (place: Place) => Promise<T>): Promise<T> {
  const options: GlobalOptions = command.optsWithGlobals();
  const redis = locationOf(options);
  const timeoutMs = options.timeout ?? DEFAULT_TIMEOUT_MS;
  const given = {
    service: SERVICE,
    namespace: options.namespace,
    redis,
    ...(options.layout !== undefined && { layout: parseChoice('layout', options.layout, LAYOUTS) }),
    ...tlsOf(options),
    connection: { commandTimeoutMs: timeoutMs },
  };
  const instance = new HydraInstance(
    resolveOptions(given, environment()),
    // Commands that write are refused there by Redis.
    { takesReplicas: true },
  );
  try {
    const waits = options.timeout !== undefined;
    const connecting = () => connect(instance, { place: describeLocation(redis), timeoutMs, waits });
    return await act({ instance, options, connect: connecting });
  } finally {
    await instance.close();
  }
}

/** Shows what arrives until a person or a program ends it. */
export function untilInterrupted<T>(values: Observable<T>, show: (value: T) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      for (const signal of SIGNALS) process.off(signal, finish);
      clearInterval(alive);
      watching.unsubscribe();
      resolve();
    };
    // The library's timers do not keep a process alive, and a moment without Redis must not end this process.
    const alive = setInterval(() => undefined, 60_000);
    for (const signal of SIGNALS) process.once(signal, finish);
    const watching = values.subscribe({ next: show, error: reject, complete: finish });
  });
}

/** For an option that counts. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('a whole number above 0 is needed.');
}

/** One of a few words. */
export function parseChoice<T extends string>(what: string, word: string, choices: readonly T[]): T {
  const choice = choices.find((known) => known === word);
  if (choice !== undefined) return choice;
  throw new CommandFailure(ExitCode.usage, `"${word}" is no ${what}: ${choices.join(', ')}`);
}

/** The environment without what is about a service, which this is not. */
function environment(): Environment {
  const names = ['HYDRA_CONFIG_KEYS', ...TLS_VARIABLES];
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

function tlsOf({ tlsCa, tlsCert, tlsKey, tlsServername }: GlobalOptions): { tls?: TlsOptions } {
  const given = { ca: tlsCa, cert: tlsCert, key: tlsKey, servername: tlsServername };
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return said.length > 0 ? { tls: Object.fromEntries(said) } : {};
}

function locationOf({ redis, cluster, sentinel }: GlobalOptions): RedisLocation {
  const url = redis ?? (process.env['HYDRA_REDIS_URL'] || 'redis://127.0.0.1:6379');
  checkRedisLocation(redis === undefined ? 'HYDRA_REDIS_URL' : '--redis', url);
  if (cluster && sentinel !== undefined)
    throw new CommandFailure(ExitCode.usage, 'a Redis is behind Sentinels or a Cluster: not both');
  if (!cluster && sentinel === undefined) return url;
  const { hostname, port, username, password, protocol } = new URL(url);
  const tls = protocol === 'rediss:' && { tls: {} };
  const redisOptions = {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...tls,
  };
  if (sentinel === undefined)
    return { cluster: [{ host: hostname, port: Number(port || 6_379) }], options: { redisOptions } };
  const sentinelPassword = process.env['HYDRA_REDIS_SENTINEL_PASSWORD'];
  return {
    ...redisOptions,
    sentinels: [{ host: hostname, port: Number(port || 26_379) }],
    name: sentinel,
    ...(sentinelPassword && { sentinelPassword }),
    ...(tls && { sentinelTLS: {}, enableTLSForSentinelMode: true }),
  };
}
