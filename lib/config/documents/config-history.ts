import type { ConfigAction, ConfigEntry } from '../../protocol/config-entry.js';
import type { ConfigDocuments } from './config-documents.js';
import { redact, type SecretTest } from './config-secrets.js';

/**
 * One change of a service's configurations.
 *
 * @publicApi
 */
export interface ConfigChange {
  /** Counts all changes of the service's configurations, whatever the version. */
  readonly revision: number;
  /** The version that changed. */
  readonly version: string;
  /** The kind of the change. */
  readonly action: ConfigAction;
  /** ISO 8601, UTC, milliseconds, by the clock of Redis. */
  readonly at: string;
  /** The author; empty for a foreign change. */
  readonly by: string;
  /** The reason that its author gave; empty without one. */
  readonly why: string;
  /** Another program made it (hydra-cli, Hydra 1.x); `at` is when it was noticed. */
  readonly isForeign: boolean;
  /** Its document without the secrets; undefined when it was removed, was too large to keep, or cannot be read. */
  readonly config?: object;
}

export function changeOf(
  { text, ...entry }: ConfigEntry,
  documents: ConfigDocuments,
  isSecret: SecretTest,
): ConfigChange {
  const config = text === undefined ? undefined : readable(text, entry.version, documents);
  return config === undefined ? entry : { ...entry, config: redact(config, isSecret) as object };
}

/** Finds a revision; for a version, the last document before its last change. */
export function entryBefore(
  history: readonly ConfigEntry[],
  to: number | string | undefined,
): ConfigEntry | undefined {
  if (typeof to === 'number') return history.find(({ revision }) => revision === to);
  const [, ...earlier] = history.filter(({ version }) => version === to);
  return earlier.find(({ text }) => text !== undefined);
}

function readable(text: string, version: string, documents: ConfigDocuments): object | undefined {
  try {
    return documents.decode(text, version);
  } catch {
    return undefined;
  }
}
