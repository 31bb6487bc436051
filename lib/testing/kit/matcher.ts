import { isDeepStrictEqual } from 'node:util';

/**
 * What some data must be like: the same value; of an object, some of its members; what `expect.anything()` and its like
 * accept; or a function that says whether it will do.
 */
export type Matcher = unknown;

/** As jest, vitest and others make them: `expect.objectContaining(…)`. */
interface AsymmetricMatcher {
  asymmetricMatch(actual: unknown): boolean;
}

/** Whether the data is like that; undefined will always do. What a function throws is thrown. */
export function matches(actual: unknown, wanted: Matcher): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted === 'function') return Boolean((wanted as (data: unknown) => unknown)(actual));
  return isLike(actual, wanted);
}

function isLike(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return Object.is(actual, wanted);
  if (isAsymmetric(wanted)) return wanted.asymmetricMatch(actual);
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(wanted))
    return Array.isArray(actual) && actual.length === wanted.length && isLikeEach(actual, wanted);
  if (!isPlain(wanted)) return isDeepStrictEqual(actual, wanted);
  return isLikeEach(actual, wanted);
}

function isLikeEach(actual: object, wanted: object): boolean {
  return Object.entries(wanted).every(([name, value]) =>
    isLike((actual as Record<string, unknown>)[name], value),
  );
}

function isAsymmetric(wanted: object): wanted is AsymmetricMatcher {
  return typeof (wanted as Partial<AsymmetricMatcher>).asymmetricMatch === 'function';
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A test runner has an Object of its own for each file.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
