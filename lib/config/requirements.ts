import { HydraError } from '../hydra.error.js';
import type { ConfigType } from '../protocol/standard-schema.js';
import { evaluate, type Issue } from './config-schema.js';
import { pathText, valueAt, type Path } from './paths.js';
import { isReference, secretTest } from './redaction.js';

/** A part of a service's configuration, and what it has to be. */
export interface Requirement {
  readonly type: ConfigType;
  readonly path: Path;
}

/** What each requirement made of its part. */
export type Values = ReadonlyMap<Requirement, unknown>;

const SHOWN_ISSUES = 5;

/** All that a process requires of its service's configuration: a document meets all of it or is refused as a whole. */
export class Requirements {
  private readonly all: Requirement[] = [];

  constructor(private readonly secrets: readonly string[]) {}

  /** The same requirement for the same part and type. */
  add(type: ConfigType, path: Path = []): Requirement {
    const known = this.all.find((other) => other.type === type && pathText(other.path) === pathText(path));
    if (known) return known;
    const added = { type, path };
    this.all.push(added);
    return added;
  }

  /** Whether these are the values of all of them: requirements may join later. */
  areMetBy(values: Values): boolean {
    return this.all.every((requirement) => values.has(requirement));
  }

  /**
   * The values of a document whose references are resolved.
   *
   * @throws HydraError `CONFIG_INVALID`
   */
  async valuesOf(document: object, label: string): Promise<Values> {
    const { values, issues } = await this.evaluateAll(document);
    this.refuseOver(issues, label);
    return values;
  }

  /**
   * Checks a document that is about to be stored. Its references lead somewhere at its readers only, so nothing is said
   * about their values here.
   *
   * @throws HydraError `CONFIG_INVALID`
   */
  async check(document: object, label: string): Promise<void> {
    const { issues } = await this.evaluateAll(document);
    this.refuseOver(
      issues.filter(({ path }) => !isReference(valueAt(document, path))),
      label,
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

  private refuseOver(issues: readonly Issue[], label: string): void {
    if (issues.length === 0) return;
    const isSecret = secretTest(this.secrets);
    // A validator's message may quote the value.
    const lines = issues.map(
      ({ path, message }) => `${pathText(path)}: ${isSecret(path) ? 'is not valid' : message}`,
    );
    const more = lines.length > SHOWN_ISSUES ? `; and ${lines.length - SHOWN_ISSUES} more` : '';
    const text = `${label} is refused: ${lines.slice(0, SHOWN_ISSUES).join('; ')}${more}`;
    throw new HydraError('CONFIG_INVALID', text);
  }
}
