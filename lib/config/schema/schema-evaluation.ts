import type { ConfigType, StandardSchema, StandardSchemaIssue } from '../../protocol/standard-schema.js';
import type { Path } from '../documents/document-paths.js';

/** A problem in a value, and its place. */
export interface Issue {
  readonly path: Path;
  readonly message: string;
}

export type Evaluation = { readonly value: unknown } | { readonly issues: readonly Issue[] };

/** The value as its type makes it (defaults, conversions, an instance of the class), or its problems. */
export function evaluate(type: ConfigType, value: unknown): Promise<Evaluation> {
  return isSchema(type) ? bySchema(type, value) : byClass(type, value);
}

/** This check comes first, because arktype's schemas are functions, like classes. */
function isSchema(type: ConfigType): type is StandardSchema {
  return '~standard' in type;
}

async function bySchema(schema: StandardSchema, value: unknown): Promise<Evaluation> {
  const result = await schema['~standard'].validate(value);
  return result.issues ? { issues: result.issues.map(issueOf) } : { value: result.value };
}

function issueOf({ path = [], message }: StandardSchemaIssue): Issue {
  return { message, path: path.map((part) => String(typeof part === 'object' ? part.key : part)) };
}

/** Optional packages: a class with decorators of theirs cannot exist without them. */
async function byClass(type: new () => unknown, value: unknown): Promise<Evaluation> {
  const [transformer, validator] = await Promise.all([
    optional<ClassTransformer>('class-transformer'),
    optional<ClassValidator>('class-validator'),
  ]);
  if (typeof value !== 'object' || value === null) {
    return { issues: [{ path: [], message: 'is not an object' }] };
  }
  const instance =
    transformer?.plainToInstance(type, value, { exposeDefaultValues: true }) ??
    Object.assign(new type() as object, value);
  const errors = (await validator?.validate(instance, { forbidUnknownValues: false })) ?? [];
  return errors.length > 0 ? { issues: errors.flatMap((error) => issuesOf(error)) } : { value: instance };
}

function issuesOf({ property, constraints = {}, children = [] }: ClassIssue, above: Path = []): Issue[] {
  const path = [...above, property];
  const own = Object.values(constraints).map((message) => ({ path, message }));
  return [...own, ...children.flatMap((child) => issuesOf(child, path))];
}

interface ClassIssue {
  readonly property: string;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly children?: readonly ClassIssue[];
}

interface ClassValidator {
  validate(instance: object, options: object): Promise<readonly ClassIssue[]>;
}

interface ClassTransformer {
  plainToInstance(type: new () => unknown, value: object, options: object): object;
}

async function optional<T>(name: string): Promise<T | undefined> {
  try {
    return (await import(name)) as T;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
