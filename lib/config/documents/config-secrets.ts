import { isSecretName, REDACTED } from '../../options/secret-names.js';
import { mapLeaves, parsePath, type Path } from './document-paths.js';

/** Tells whether the value at a path is a secret. */
export type SecretTest = (path: Path) => boolean;

/**
 * The test for marked paths (`db.password`; `*` means any single name; a marked object is secret as a whole) and for
 * names of secrets.
 */
export function secretTest(marked: Iterable<string>): SecretTest {
  const marks = [...marked].map(parsePath);
  return (path) => path.some(isSecretName) || marks.some((mark) => isUnder(path, mark));
}

/** A copy of a document without its secrets. References stay, because they contain a place and not the secret. */
export function redact(document: unknown, isSecret: SecretTest): unknown {
  return mapLeaves(document, (leaf, path) => (isSecret(path) && !isReference(leaf) ? REDACTED : leaf));
}

/** `env:NAME` or `file:/path`. A URL of a file (`file:///path`) is a normal value. */
export function isReference(value: unknown): value is string {
  return typeof value === 'string' && /^(env:[A-Za-z_]\w*|file:\/(?!\/).+)$/.test(value);
}

function isUnder(path: Path, mark: Path): boolean {
  return mark.length <= path.length && mark.every((name, index) => name === '*' || name === path[index]);
}
