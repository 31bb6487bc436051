import type { ConfigType } from '../protocol/standard-schema.js';
import { integer, string, type Environment, type Group } from './checks.js';
import type { NamesOf } from './names.js';

/**
 * How the service's stored configuration is chosen, checked and kept.
 *
 * @publicApi
 */
export interface ConfigOptions {
  /** The type of the whole configuration: a Standard Schema or a class. @defaultValue any JSON object */
  readonly schema?: ConfigType;
  /** The stored version to use, and no other. @defaultValue the service's own, else the newest compatible one */
  readonly version?: string;
  /** The stored version to use when there is neither the service's own nor a compatible one. @defaultValue none */
  readonly label?: string;
  /** The configuration to use while nothing is stored. @defaultValue none */
  readonly defaults?: object;
  /** Paths whose values are never shown: `db.password`, `hosts.*.key`. @defaultValue [] */
  readonly secrets?: readonly string[];
  /** Whether `env:NAME` and `file:/path` are resolved. @defaultValue true */
  readonly references?: boolean;
  /** A file to keep the last good configuration in, for a start while Redis is down. @defaultValue none */
  readonly fallbackFile?: string;
  /** Keys that encrypt at rest, `id:base64[,id:base64…]`; the first encrypts. @defaultValue HYDRA_CONFIG_KEYS */
  readonly keys?: string;
  /** Changes that the history keeps, each with its document. @defaultValue 100 */
  readonly historyLimit?: number;
  /** Time between two checks for changes by other programs, in milliseconds. @defaultValue 1000 */
  readonly checkIntervalMs?: number;
}

export const CONFIG_NAMES = {
  schema: true,
  version: true,
  label: true,
  defaults: true,
  secrets: true,
  references: true,
  fallbackFile: true,
  keys: true,
  historyLimit: true,
  checkIntervalMs: true,
} satisfies NamesOf<ConfigOptions>;

type OptionalConfig = 'schema' | 'version' | 'label' | 'defaults' | 'fallbackFile';

export type ResolvedConfigOptions = Group<Omit<ConfigOptions, OptionalConfig>> & {
  readonly [Name in OptionalConfig]: ConfigOptions[Name];
} & {
  /** The service asks for a stored configuration, even if nothing injects a part of it. */
  readonly isUsed: boolean;
};

export function configOptions(given: ConfigOptions, environment: Environment): ResolvedConfigOptions {
  const { schema, version, label, defaults, fallbackFile } = given;
  return Object.freeze({
    ...{ schema, version, label, defaults, fallbackFile },
    isUsed: [schema, version, label, defaults, fallbackFile].some((option) => option !== undefined),
    secrets: Object.freeze([...(given.secrets ?? [])]),
    references: given.references ?? true,
    keys: string('config.keys', given.keys ?? environment['HYDRA_CONFIG_KEYS'] ?? ''),
    historyLimit: integer('config.historyLimit', given.historyLimit ?? 100, 1),
    checkIntervalMs: integer('config.checkIntervalMs', given.checkIntervalMs ?? 1_000, 1),
  });
}
