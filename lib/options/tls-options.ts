import { badOption, nonEmptyString, type Environment } from './checks.js';
import { refuseUnknown, type NamesOf } from './names.js';

/**
 * TLS to Redis, by files. Each is read again for the connection that is made next, so that one replaced on disk is used
 * without a restart; while a replacement cannot be used, the one before is, with a warning.
 *
 * @publicApi
 */
export interface TlsOptions {
  /** File with the certificates (PEM) of those who may sign the server's. @defaultValue the ones Node.js trusts */
  readonly ca?: string;
  /** File with this side's certificate (PEM), where the server wants one. */
  readonly cert?: string;
  /** File with the private key of `cert` (PEM). */
  readonly key?: string;
  /** Password of the private key, if it is encrypted. */
  readonly passphrase?: string;
  /** The name that the server's certificate must have. @defaultValue the host that is connected to */
  readonly servername?: string;
  /** Whether Sentinels speak TLS too, in the same way. @defaultValue true */
  readonly sentinels?: boolean;
}

export type ResolvedTlsOptions = TlsOptions & { readonly sentinels: boolean };

export const TLS_NAMES = {
  ca: true,
  cert: true,
  key: true,
  passphrase: true,
  servername: true,
  sentinels: true,
} satisfies NamesOf<TlsOptions>;

/** What the environment may say; it adds to a Redis that is spoken to by TLS, and does not make one be so. */
const VARIABLES = {
  ca: 'HYDRA_REDIS_TLS_CA',
  cert: 'HYDRA_REDIS_TLS_CERT',
  key: 'HYDRA_REDIS_TLS_KEY',
  passphrase: 'HYDRA_REDIS_TLS_PASSPHRASE',
  servername: 'HYDRA_REDIS_TLS_SERVERNAME',
} as const;

/** The variables of the environment that are about the way to Redis. */
export const TLS_VARIABLES: readonly string[] = Object.values(VARIABLES);

/**
 * TLS as it is used; undefined where it is not, or as the driver's own options say.
 *
 * @param redis where Redis is, checked
 * @throws HydraError `BAD_OPTION`
 */
export function tlsOptions(
  given: TlsOptions | undefined,
  redis: string | object,
  environment: Environment,
): ResolvedTlsOptions | undefined {
  refuseUnknown('tls', given, TLS_NAMES);
  const said = speaksTls(redis) || given !== undefined ? fromVariables(environment) : {};
  const merged = { ...said, ...given };
  if (given === undefined && Object.keys(said).length === 0) return undefined;
  for (const name of ['ca', 'cert', 'key', 'servername'] as const)
    if (merged[name] !== undefined) nonEmptyString(`tls.${name}`, merged[name]);
  if (merged.passphrase !== undefined && typeof merged.passphrase !== 'string')
    throw badOption('tls.passphrase', typeof merged.passphrase, 'a string');
  if ((merged.cert === undefined) !== (merged.key === undefined))
    throw badOption('tls.cert and tls.key', { cert: merged.cert, key: merged.key }, 'given together');
  const { sentinels = true } = merged;
  if (typeof sentinels !== 'boolean') throw badOption('tls.sentinels', sentinels, 'true or false');
  return Object.freeze({ ...merged, sentinels });
}

function fromVariables(environment: Environment): TlsOptions {
  const said = Object.entries(VARIABLES).map(([name, variable]) => [name, environment[variable]] as const);
  return Object.fromEntries(said.filter(([, value]) => value !== undefined && value !== ''));
}

function speaksTls(redis: string | object): boolean {
  if (typeof redis === 'string') return /^rediss:/i.test(redis);
  const { tls, sentinelTLS, options } = redis as {
    tls?: unknown;
    sentinelTLS?: unknown;
    options?: { redisOptions?: { tls?: unknown } };
  };
  return [tls, sentinelTLS, options?.redisOptions?.tls].some(
    (value) => value !== undefined && value !== null,
  );
}
