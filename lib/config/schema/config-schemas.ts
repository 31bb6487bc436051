import { HydraError } from '../../hydra-error.js';
import type { ConfigType } from '../../protocol/standard-schema.js';
import { evaluate, type Issue } from './schema-evaluation.js';
import { mapLeaves, pathText, valueAt, type Path } from '../documents/document-paths.js';
import { REDACTED } from '../../options/secret-names.js';
import { isReference, secretTest } from '../documents/config-secrets.js';

/** A part of a configuration, and its type. */
export interface Requirement {
  readonly type: ConfigType;
  readonly path: Path;
}

/** The value that each requirement made of its part. */
export type Values = ReadonlyMap<Requirement, unknown>;

const SHOWN_ISSUES = 5;

/**
 * All schemas that a process has for the configuration of its service: a document matches all of them, or is refused as
 * a whole.
 */
export class ConfigSchemas {
  private readonly all: Requirement[] = [];

  constructor(private readonly secrets: readonly string[]) {}

  get isEmpty(): boolean {
    return this.all.length === 0;
  }

  /** The same requirement for the same part and type. */
  add(type: ConfigType, path: Path = []): Requirement {
    const known = this.all.find((other) => other.type === type && pathText(other.path) === pathText(path));
    if (known) return known;
    const added = { type, path };
    this.all.push(added);
    return added;
  }

  has(type: ConfigType, path: Path): boolean {
    return this.all.some((other) => other.type === type && pathText(other.path) === pathText(path));
  }

  /** A requirement that failed at its start must not block the others. */
  remove(requirement: Requirement): void {
    this.all.splice(this.all.indexOf(requirement), 1);
  }

  /** Whether these are the values of all of them: requirements may join later. */
  areMetBy(values: Values): boolean {
    return this.all.every((requirement) => values.has(requirement));
  }

  /**
   * The values of a document whose references are resolved.
   *
   * @param stored the document with its references: what they lead to is not said
   * @throws HydraError `CONFIG_INVALID`
   */
  async valuesOf(document: object, label: string, stored = document): Promise<Values> {
    const { values, issues } = await this.evaluateAll(document);
    this.refuseOver(issues, label, document, stored);
    return values;
  }

  /**
   * Checks a document that is about to be stored. Only its readers resolve its references, so their values are not
   * checked here.
   *
   * @throws HydraError `CONFIG_INVALID`
   */
  async check(document: object, label: string): Promise<void> {
    const { issues } = await this.evaluateAll(document);
    this.refuseOver(
      issues.filter(({ path }) => !isReference(valueAt(document, path))),
      label,
      document,
      document,
    );
  }

  private async evaluateAll(document: object): Promise<{ values: Values; issues: Issue[] }> {
    const values = new Map<Requirement, unknown>();
    const issues: Issue[] = [];
    for (const requirement of this.all) {
      const { type, path } = requirement;
      const result = await evaluate(type, valueAt(document, path));
      if ('value' in result) values.set(requirement, result.value);
      else issues.push(...result.issues.map((issue) => ({ ...issue, path: [...path, ...issue.path] })));
    }
    return { values, issues };
  }

  private refuseOver(issues: readonly Issue[], label: string, document: object, stored: object): void {
    if (issues.length === 0) return;
    const marked = secretTest(this.secrets);
    const isSecret = (path: Path) => marked(path) || isReference(valueAt(stored, path));
    const secrets = textsOf(document, isSecret);
    // A validator's message may quote the value, that of a whole also what is inside.
    const lines = issues.map(({ path, message }) => {
      const said = isSecret(path) ? 'is not valid' : without(secrets, message);
      return `${pathText(path)}: ${said}`;
    });
    const more = lines.length > SHOWN_ISSUES ? `; and ${lines.length - SHOWN_ISSUES} more` : '';
    const text = `${label} is refused: ${lines.slice(0, SHOWN_ISSUES).join('; ')}${more}`;
    throw new HydraError('CONFIG_INVALID', text);
  }
}

/** A shorter value may be part of any text by chance. */
const MIN_SECRET_LENGTH = 4;

function textsOf(document: object, isSecret: (path: Path) => boolean): string[] {
  const texts = new Set<string>();
  mapLeaves(document, (leaf, path) => {
    if (isSecret(path)) texts.add(String(leaf)).add(JSON.stringify(String(leaf)).slice(1, -1));
    return leaf;
  });
  // The longest first: one may be part of another.
  return [...texts]
    .filter(({ length }) => length >= MIN_SECRET_LENGTH)
    .toSorted((a, b) => b.length - a.length);
}

function without(secrets: readonly string[], message: string): string {
  return secrets.reduce((text, secret) => text.replaceAll(secret, REDACTED), message);
}
