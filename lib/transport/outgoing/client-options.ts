import {
  HYDRA_NAMES,
  checkStreamName,
  refuseUnknown,
  resolveOptions,
  type HydraOptions,
  type NamesOf,
  type ResolvedOptions,
} from '../../hydra-options.js';
import { TLS_VARIABLES } from '../../options/tls-options.js';

/**
 * A client of one service. `service` is the service that is called; everything but `name` has the meaning it has in
 * {@link HydraOptions}.
 *
 * @publicApi
 */
export interface HydraClientOptions extends Omit<
  HydraOptions,
  'host' | 'port' | 'type' | 'drain' | 'health' | 'version' | 'tags' | 'exceptionFilter'
> {
  /** Only instances whose version is in this semver range, such as `^2`. @defaultValue any */
  readonly version?: string;
  /** Only instances that have all of these tags. @defaultValue [] */
  readonly tags?: readonly string[];
  /**
   * What this client calls itself on the wire. With a name it is present as a service of that name, which a Hydra 1.x
   * service demands of those it answers. Without one it is called `hydra-client`, and nobody finds it.
   */
  readonly name?: string;
  /**
   * Keeps what is emitted in a stream, for services whose `streams.events` names it: their `@EventPattern` handlers handle
   * it at least once, also those that are down now. The name of the stream, or of one for each pattern.
   * @defaultValue none: events go to one live instance of `service`
   */
  readonly durableEvents?: string | Readonly<Record<string, string>>;
}

/** What a client without a name calls itself. */
export const ANONYMOUS = 'hydra-client';

const {
  host: _host,
  port: _port,
  type: _type,
  drain: _drain,
  health: _health,
  exceptionFilter: _filter,
  ...SHARED
} = HYDRA_NAMES;
const CLIENT_NAMES = { ...SHARED, name: true, durableEvents: true } satisfies NamesOf<HydraClientOptions>;

/** The names of the options of a client inside an application. */
export const FEATURE_CLIENT_NAMES = {
  service: true,
  version: true,
  tags: true,
  timeoutMs: true,
  balancer: true,
  durableEvents: true,
  serializer: true,
  deserializer: true,
} satisfies Partial<NamesOf<HydraClientOptions>>;

/** The options of a client that stands alone, as an instance of its own. Of the environment it heeds what is about the way to Redis. */
export function resolveClientOptions(given: HydraClientOptions): ResolvedOptions {
  refuseUnknown('HydraClient', given, CLIENT_NAMES);
  const {
    service: _called,
    version: _wanted,
    tags: _required,
    durableEvents: _kept,
    name = ANONYMOUS,
    ...options
  } = given;
  const heeded = ['HYDRA_REDIS_URL', ...TLS_VARIABLES];
  const environment = Object.fromEntries(heeded.map((variable) => [variable, process.env[variable]]));
  return resolveOptions({ ...options, service: name }, environment, 'HydraClient');
}

/** @throws HydraError `BAD_OPTION` where what is said is no stream's name */
export function checkDurableEvents(given: HydraClientOptions['durableEvents']): void {
  if (given === undefined) return;
  const names: readonly unknown[] =
    typeof given === 'object' && given !== null ? Object.values(given) : [given];
  for (const name of names) checkStreamName('durableEvents', name);
}
