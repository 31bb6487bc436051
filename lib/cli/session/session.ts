import { InvalidArgumentError, type Command } from 'commander';
import type { Observable } from 'rxjs';

import { resolveOptions, type RedisLocation } from '../../hydra-options.js';
import { checkRedisLocation } from '../../options/redis-location.js';
import { HydraInstance } from '../../hydra-instance.js';
import { describeLocation } from '../../redis/connection/driver.js';
import { connect } from './connect.js';
import { CommandFailure, ExitCode } from './command-failure.js';

/** The options of every command. */
export interface GlobalOptions {
  readonly redis?: string;
  readonly cluster?: boolean;
  readonly layout?: string;
  readonly namespace: string;
  /** In milliseconds; undefined when it is not given. */
  readonly timeout?: number;
  readonly json?: boolean;
}

/** Its name in Redis's client list. It does not register as an instance. */
const SERVICE = 'nestjs-hydra-cli';

const LAYOUTS = ['classic', 'hash-tags'] as const;
const DEFAULT_TIMEOUT_MS = 5_000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs a command against Redis, as a reader without an instance, and closes the connections. */
export async function withInstance<T>(
  command: Command,
  act: (instance: HydraInstance, options: GlobalOptions) => Promise<T>,
): Promise<T> {
  const options: GlobalOptions = command.optsWithGlobals();
  const redis = locationOf(options);
  const timeoutMs = options.timeout ?? DEFAULT_TIMEOUT_MS;
  const given = {
    service: SERVICE,
    namespace: options.namespace,
    redis,
    ...(options.layout !== undefined && { layout: parseChoice('layout', options.layout, LAYOUTS) }),
    connection: { commandTimeoutMs: timeoutMs },
  };
  // HYDRA_SERVICE in the environment describes a service, and this is not a service.
  const instance = new HydraInstance(
    resolveOptions(given, { HYDRA_CONFIG_KEYS: process.env['HYDRA_CONFIG_KEYS'] }),
    // Commands that write are refused there by Redis.
    { takesReplicas: true },
  );
  try {
    await connect(instance, {
      place: describeLocation(redis),
      timeoutMs,
      waits: options.timeout !== undefined,
    });
    return await act(instance, options);
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

function locationOf({ redis, cluster }: GlobalOptions): RedisLocation {
  const url = redis ?? (process.env['HYDRA_REDIS_URL'] || 'redis://127.0.0.1:6379');
  checkRedisLocation(redis === undefined ? 'HYDRA_REDIS_URL' : '--redis', url);
  if (!cluster) return url;
  const { hostname, port, username, password, protocol } = new URL(url);
  const redisOptions = {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  };
  return { cluster: [{ host: hostname, port: Number(port || 6_379) }], options: { redisOptions } };
}
