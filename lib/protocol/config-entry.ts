import { numberOf, parseObject, stringOf } from './json.js';

/** One change of a service's configurations, as the history keeps it. */
export interface ConfigEntry {
  /** Counts all changes of the service's configurations. */
  readonly revision: number;
  readonly version: string;
  readonly action: ConfigAction;
  /** ISO 8601, UTC, milliseconds, by the clock of Redis. */
  readonly at: string;
  /** Who changed it; empty when that is not known. */
  readonly by: string;
  readonly why: string;
  /** Another program wrote it (hydra-cli, Hydra 1.x); it was noticed later. */
  readonly isForeign: boolean;
  /** The document as it was stored; undefined when it was removed or was too large to keep. */
  readonly text: string | undefined;
}

/**
 * The kind of a change of a configuration.
 *
 * @publicApi
 */
export type ConfigAction = 'put' | 'rollback' | 'remove';

const ACTIONS: readonly unknown[] = ['put', 'rollback', 'remove'] satisfies ConfigAction[];

/** Returns undefined unless the text is an entry that the configuration scripts wrote. */
export function decodeConfigEntry(wire: string): ConfigEntry | undefined {
  const raw = parseObject(wire);
  if (raw === undefined || !ACTIONS.includes(raw['action'])) return undefined;
  const text = raw['text'];
  return {
    revision: numberOf(raw['revision']),
    version: stringOf(raw['version']),
    action: raw['action'] as ConfigAction,
    at: new Date(numberOf(raw['at'])).toISOString(),
    by: stringOf(raw['by']),
    why: stringOf(raw['why']),
    isForeign: raw['foreign'] === true,
    text: typeof text === 'string' ? text : undefined,
  };
}
