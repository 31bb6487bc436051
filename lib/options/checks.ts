import { HydraError } from '../hydra-error.js';
import { serviceNameProblem } from '../protocol/address.js';

/** A group of options without gaps. */
export type Group<T> = Readonly<Required<T>>;

/** A timer of Node's that is set for longer ends at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Lower-cases and checks a service name, wherever one comes from. */
export function serviceName(given: unknown, option = 'service'): string {
  if (typeof given !== 'string') throw badOption(option, given, 'a string');
  const name = given.toLowerCase();
  const problem = serviceNameProblem(name);
  if (problem) throw new HydraError('BAD_OPTION', `${option} "${given}" is not valid: ${problem}`);
  return name;
}

/** Checks a group of whole numbers: at least 1, or 0 where `zeroable` says so. */
export function numberOptions<T extends Record<string, number>>(
  name: string,
  defaults: T,
  given: { readonly [K in keyof T]?: number } | undefined,
  zeroable: readonly (keyof T & string)[] = [],
): Readonly<T> {
  if (typeof (given ?? {}) !== 'object') throw badOption(name, given, 'an object of options');
  const entries = Object.entries(defaults).map(([key, fallback]) => [
    key,
    integer(`${name}.${key}`, given?.[key] ?? fallback, zeroable.includes(key) ? 0 : 1),
  ]);
  return Object.freeze(Object.fromEntries(entries)) as Readonly<T>;
}

/** As {@link numberOptions}, where each `…Ms` is a timer's. */
export function timerOptions<T extends Record<string, number>>(
  name: string,
  defaults: T,
  given: { readonly [K in keyof T]?: number } | undefined,
  zeroable: readonly (keyof T & string)[] = [],
): Readonly<T> {
  const resolved = numberOptions(name, defaults, given, zeroable);
  for (const [key, value] of Object.entries(resolved))
    if (key.endsWith('Ms')) integer(`${name}.${key}`, value, zeroable.includes(key) ? 0 : 1, MAX_TIMER_MS);
  return resolved;
}

export function integer(option: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  const limit = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`;
  throw badOption(option, value, `a whole number ${limit}`);
}

export function fraction(option: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw badOption(option, value, 'a number from 0 to 1');
}

export function string(option: string, value: unknown): string {
  if (typeof value !== 'string') throw badOption(option, value, 'a string');
  return value;
}

export function nonEmptyString(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw badOption(option, value, 'a text that is not empty');
}

export function mustExceed(option: string, value: number, other: string, limit: number): void {
  if (value <= limit) throw badOption(option, value, `more than ${other}=${limit}`);
}

export function badOption(option: string, value: unknown, allowed: string): HydraError {
  return new HydraError('BAD_OPTION', `${option} must be ${allowed}, got ${shown(value)}`);
}

/** JSON has no word for some of what is given by mistake: NaN, Infinity, a bigint, a function. */
function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return JSON.stringify(value) ?? String(value);
}
