import type { ResolvedConfigOptions } from '../../hydra-options.js';
import type { ConfigSchemas, Values } from '../schema/config-schemas.js';
import type { ConfigDocuments } from './config-documents.js';
import { resolveReferences } from './references.js';

export interface TextOfVersion {
  readonly version: string;
  readonly revision: number;
  readonly text: string;
}

/** A configuration as a service runs with it. */
export interface EffectiveConfig extends TextOfVersion {
  /**
   * The whole configuration: as its schema made it if there is one for the whole, otherwise the document with its
   * references resolved.
   */
  readonly config: object;
  /** The document with its references resolved. */
  readonly resolved: object;
  readonly values: Values;
}

/** Revisions are not enough, because they begin again when Redis loses its data. */
export function isSameConfig(a: TextOfVersion, b: TextOfVersion): boolean {
  return a.version === b.version && a.revision === b.revision && a.text === b.text;
}

/** How a service's documents are opened and checked. */
export interface ConfigRules {
  readonly documents: ConfigDocuments;
  readonly schemas: ConfigSchemas;
  readonly rules: Pick<ResolvedConfigOptions, 'references' | 'schema'>;
}

/**
 * Opens, resolves and checks a stored document.
 *
 * @throws HydraError `CONFIG_INVALID`
 */
export async function effectiveConfig(
  { version, revision, text }: TextOfVersion,
  { documents, schemas, rules: { references, schema } }: ConfigRules,
): Promise<EffectiveConfig> {
  const document = documents.decode(text, version);
  const resolved = references ? await resolveReferences(document, process.env) : document;
  const values = await schemas.valuesOf(resolved, `${documents.label(version)}@${revision}`, document);
  const whole = [...values].find(([{ type, path }]) => type === schema && path.length === 0);
  for (const value of [resolved, ...values.values()]) deepFreeze(value);
  return {
    version,
    revision,
    text,
    config: (whole?.[1] as object | undefined) ?? resolved,
    resolved,
    values,
  };
}

/** Plain objects, lists, and the instance of a class at the top. Other objects of a schema are not changed. */
function deepFreeze(value: unknown, isTop = true): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  if (!isPlain && !(isTop && Object.values(value).length > 0)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member, false);
}
