import { Logger } from '@nestjs/common';

import { HydraError } from '../../hydra-error.js';
import {
  HYDRA_NAMES,
  refuseUnknown,
  resolveOptions,
  withoutUnknown,
  type HydraOptions,
  type NamesOf,
} from '../../hydra-options.js';
import { isJsonObject, stringOf, type JsonObject } from '../../protocol/json.js';
import { createKeys } from '../../protocol/keys.js';
import { RedisConnections } from '../../redis/redis-connections.js';
import { systemClock } from '../../runtime/clock.js';
import { systemRandom } from '../../runtime/random-source.js';
import { ConfigRepository } from '../documents/config-repository.js';
import { LiveConfig } from './live-config.js';

/**
 * Where {@link hydraOptionsFromStore} reads the options from.
 *
 * @publicApi
 */
export interface StoredOptionsSource extends Pick<
  HydraOptions,
  'redis' | 'tls' | 'credentials' | 'namespace' | 'connection'
> {
  /** `name:version`. @defaultValue the environment's HYDRA_SERVICE */
  readonly label?: string;
  /** A file for the options that were read, for a start while Redis is down. @defaultValue none */
  readonly fallbackFile?: string;
}

/**
 * Where {@link hydraConfig} reads a configuration from.
 *
 * @publicApi
 */
export interface HydraConfigSource
  extends
    Pick<HydraOptions, 'redis' | 'tls' | 'credentials' | 'namespace' | 'connection' | 'version' | 'config'>,
    Partial<Pick<HydraOptions, 'service'>> {}

const PLACE_NAMES = {
  redis: true,
  tls: HYDRA_NAMES.tls,
  credentials: true,
  namespace: true,
  connection: HYDRA_NAMES.connection,
} as const;
const STORED_SOURCE_NAMES = {
  ...PLACE_NAMES,
  label: true,
  fallbackFile: true,
} satisfies NamesOf<StoredOptionsSource>;
const CONFIG_SOURCE_NAMES = {
  ...PLACE_NAMES,
  service: true,
  version: true,
  config: HYDRA_NAMES.config,
} satisfies NamesOf<HydraConfigSource>;

/**
 * The options of `HydraModule.forRootAsync`, from the configuration that the environment's `HYDRA_SERVICE=name:version`
 * names, as Hydra 1.9 boots with `HYDRA_REDIS_URL`:
 * `HydraModule.forRootAsync({ useFactory: hydraOptionsFromStore() })`.
 *
 * Read are the stored document's `hydra` members that Hydra knows, and further {@link HydraOptions} from `hydra.nest`; an
 * unknown name there is logged as a warning and left out, for one document may serve several versions.
 *
 * @throws HydraError (the factory) `BAD_OPTION` without a label; `CONFIG_NOT_FOUND`; `CONFIG_INVALID`;
 *   `REDIS_UNAVAILABLE` when Redis is down and there is no fallback file
 * @publicApi
 */
export function hydraOptionsFromStore(source: StoredOptionsSource = {}): () => Promise<HydraOptions> {
  return async () => {
    refuseUnknown('hydraOptionsFromStore', source, STORED_SOURCE_NAMES);
    const { label, fallbackFile, ...place } = source;
    const given = label ?? process.env['HYDRA_SERVICE'];
    const named = parseLabel(given);
    if (!named) {
      const text = `label (or HYDRA_SERVICE) must be name:version, got ${JSON.stringify(given) ?? 'nothing'}`;
      throw new HydraError('BAD_OPTION', text);
    }
    const config = { version: named.version, ...(fallbackFile !== undefined && { fallbackFile }) };
    const document = await readOnce({ ...place, ...named, config });
    const options = optionsOf(document, named);
    return { ...options, ...place, config: { ...options.config, ...config } };
  };
}

/**
 * A loader for `@nestjs/config`: `ConfigModule.forRoot({ load: [hydraConfig()] })`. It reads once, at the start; what has
 * to follow changes is injected with `@InjectConfig`.
 *
 * @param source by default the service (and version) that the environment's `HYDRA_SERVICE` names
 * @throws HydraError (the loader) `CONFIG_NOT_FOUND`; `CONFIG_INVALID`; `REDIS_UNAVAILABLE`; `BAD_OPTION`
 * @publicApi
 */
export function hydraConfig(source: HydraConfigSource = {}): () => Promise<Record<string, unknown>> {
  return async () => {
    refuseUnknown('hydraConfig', source, CONFIG_SOURCE_NAMES);
    const named = parseLabel(process.env['HYDRA_SERVICE']);
    const config = { ...(named && { version: named.version }), ...source.config };
    return readOnce({ service: named?.service as string, ...source, config });
  };
}

/** Reads with its own connections, because the application has none yet. */
async function readOnce(given: HydraOptions): Promise<JsonObject> {
  const options = resolveOptions(given, process.env);
  const redis = new RedisConnections(options);
  const keys = createKeys(options);
  const context = { redis, keys, options, clock: systemClock, random: systemRandom };
  const running = new LiveConfig(context, new ConfigRepository(context, options.service));
  try {
    return (await running.start()) as JsonObject;
  } finally {
    running.close();
    redis.close();
  }
}

function parseLabel(text: string | undefined): { service: string; version: string } | undefined {
  const [, service, version] = /^([^\s:={]+):([^\s:={]+)$/.exec(text?.trim() ?? '') ?? [];
  return service !== undefined && version !== undefined ? { service, version } : undefined;
}

/** Members of Hydra have Hydra's names. A range of ports is only for Hydra, which searches a free port in it. */
function optionsOf(document: JsonObject, named: { service: string; version: string }): HydraOptions {
  const hydra = isJsonObject(document['hydra']) ? document['hydra'] : {};
  const port = Number(hydra['servicePort'] ?? Number.NaN);
  const host = stringOf(hydra['serviceDNS']) || stringOf(hydra['serviceIP']);
  return {
    service: stringOf(hydra['serviceName']) || named.service,
    version: stringOf(hydra['serviceVersion']) || named.version,
    ...(hydra['serviceDescription'] !== undefined && { description: stringOf(hydra['serviceDescription']) }),
    ...(hydra['serviceType'] !== undefined && { type: stringOf(hydra['serviceType']) }),
    ...(host !== '' && { host }),
    ...(Number.isInteger(port) && port > 0 && { port }),
    ...(isJsonObject(hydra['nest']) && knownOptions(hydra['nest'])),
  };
}

function knownOptions(stored: JsonObject): JsonObject {
  const logger = new Logger('HydraConfig');
  return withoutUnknown('the stored hydra.nest', stored, HYDRA_NAMES, (text) => logger.warn(text));
}
