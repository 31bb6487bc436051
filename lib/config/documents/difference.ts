import { pathText, type Path } from './document-paths.js';
import { REDACTED } from '../../options/secret-names.js';
import { isReference, type SecretTest } from './config-secrets.js';

/**
 * One value that differs between two documents.
 *
 * @publicApi
 */
export interface ConfigDifference {
  /** Such as `db.hosts.0`. */
  readonly path: string;
  /** Whether the value was added, removed or changed. */
  readonly kind: 'added' | 'removed' | 'changed';
  /** Before; `[redacted]` for a secret. */
  readonly before?: unknown;
  /** After; `[redacted]` for a secret. */
  readonly after?: unknown;
}

/** The changes from `before` to `after`, in the order of the members. Secrets are not shown. */
export function differences(before: unknown, after: unknown, isSecret: SecretTest): ConfigDifference[] {
  const found: ConfigDifference[] = [];
  const compare = (a: unknown, b: unknown, path: Path): void => {
    if (isContainer(a) && isContainer(b) && Array.isArray(a) === Array.isArray(b)) {
      for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
        compare(memberOf(a, name), memberOf(b, name), [...path, name]);
      }
    } else if (a !== b) {
      found.push(describe(path, show(a, path, isSecret), show(b, path, isSecret)));
    }
  };
  compare(before, after, []);
  return found;
}

function describe(path: Path, before: unknown, after: unknown): ConfigDifference {
  const at = pathText(path);
  if (before === undefined) return { path: at, kind: 'added', after };
  if (after === undefined) return { path: at, kind: 'removed', before };
  return { path: at, kind: 'changed', before, after };
}

/** The value without its secrets, at any depth. */
function show(value: unknown, path: Path, isSecret: SecretTest): unknown {
  if (!isContainer(value))
    return value !== undefined && isSecret(path) && !isReference(value) ? REDACTED : value;
  const shown = Object.entries(value).map(
    ([name, member]) => [name, show(member, [...path, name], isSecret)] as const,
  );
  return Array.isArray(value) ? shown.map(([, member]) => member) : Object.fromEntries(shown);
}

/** Not what every object has, such as `constructor`. */
function memberOf(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
