import { HydraError } from '../hydra-error.js';
import { badOption } from './checks.js';

/**
 * What a process shows to Redis.
 *
 * @publicApi
 */
export interface RedisCredentials {
  /** The user of Redis. @defaultValue the user of `redis`, else Redis's `default` */
  readonly username?: string | undefined;
  /** A password, or a token. */
  readonly password: string;
  /**
   * When Redis stops taking them: a Date, or milliseconds since 1970. New ones are asked for before. Left out, they are asked
   * for only with a new connection.
   */
  readonly expiresAt?: Date | number | undefined;
}

/**
 * Is asked whenever credentials are needed: at the start, before those it gave expire, and after Redis refused them.
 *
 * @publicApi
 */
export type CredentialsFunction = () => RedisCredentials | Promise<RedisCredentials>;

/**
 * A provider as the `redis` package knows it, which gives new credentials by itself: `@redis/entraid` has such.
 *
 * @publicApi
 */
export interface StreamingCredentials {
  /**
   * Resolves with the first credentials, and with what ends the subscription.
   *
   * @param listener hears of new credentials, and of attempts to get some that failed
   */
  subscribe(listener: {
    onNext(this: void, credentials: { username?: string; password?: string }): void;
    onError(this: void, error: Error): void;
  }): Promise<[{ username?: string; password?: string }, { dispose(): void }]>;
  /** Redis refused what it gave. */
  onReAuthenticationError(error: Error): void;
}

/** Whoever gives credentials: a function that is asked, or a provider that tells of new ones. @publicApi */
export type CredentialsProvider = CredentialsFunction | StreamingCredentials;

/** Checked credentials. */
export interface Login {
  readonly username: string | undefined;
  readonly password: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number | undefined;
}

/**
 * @param redis where Redis is, checked
 * @throws HydraError `BAD_OPTION` for what is no provider, and where `redis` has a password beside it
 */
export function credentialsOption(given: unknown, redis: string | object): CredentialsProvider | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'function' && !isStreaming(given))
    throw badOption('credentials', typeof given, 'a function, or an object with subscribe()');
  if (loginIn(redis).password !== undefined)
    throw new HydraError('BAD_OPTION', 'credentials beside a password in redis: give one of them');
  return given as CredentialsProvider;
}

/** What a location says of user and password. */
export function loginIn(redis: string | object): { readonly username?: string; readonly password?: string } {
  if (typeof redis === 'string') return URL.canParse(redis) ? loginOf(new URL(redis)) : {};
  const { options } = redis as { options?: { redisOptions?: object } };
  const { username, password } = ('cluster' in redis ? (options?.redisOptions ?? {}) : redis) as {
    username?: string | null;
    password?: string | null;
  };
  return { ...(username && { username }), ...(password && { password }) };
}

/**
 * What a provider gave, checked.
 *
 * @throws HydraError `BAD_OPTION` naming what is wrong with it, without any of it
 */
export function checkedLogin(given: unknown, username: string | undefined): Login {
  if (typeof given !== 'object' || given === null) throw notCredentials(`gave ${typeof given}`);
  const { password, expiresAt, ...rest } = given as Record<string, unknown>;
  if (typeof password !== 'string' || password === '') throw notCredentials('gave no password');
  const name = rest['username'] ?? username;
  if (name !== undefined && typeof name !== 'string')
    throw notCredentials(`gave a username of type ${typeof name}`);
  return { username: name || undefined, password, expiresAt: instant(expiresAt) };
}

function instant(given: unknown): number | undefined {
  if (given === undefined || given === null) return undefined;
  const at = given instanceof Date ? given.getTime() : given;
  if (typeof at === 'number' && Number.isFinite(at)) return at;
  throw notCredentials('gave an expiresAt that is neither a Date nor milliseconds since 1970');
}

function isStreaming(given: unknown): given is StreamingCredentials {
  return typeof (given as Partial<StreamingCredentials> | null)?.subscribe === 'function';
}

function loginOf({ username, password }: URL): { username?: string; password?: string } {
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  };
}

function notCredentials(problem: string): HydraError {
  const wanted = '{ username?, password, expiresAt? } is needed';
  return new HydraError('BAD_OPTION', `the provider of credentials ${problem}: ${wanted}`);
}
