import { HydraError } from '../hydra-error.js';

/**
 * The names that an object of options may have: true for an option that is not looked into, an object of names for a
 * group of options. Under `*` stands what holds for every member, whatever its name: of a list, or by pattern.
 */
export interface OptionNames {
  readonly [name: string]: OptionNames | true;
}

/** The names of all options of a type, so that a new option cannot be forgotten. */
export type NamesOf<T> = Readonly<Record<keyof T & string, OptionNames | true>>;

/**
 * Refuses unknown names of options, here or in a group. It costs one look-up for each given option.
 *
 * @throws HydraError `BAD_OPTION` with the nearest name, else with all
 */
export function refuseUnknown(where: string, given: unknown, known: OptionNames): void {
  if (given === undefined || given === null) return;
  if (typeof given !== 'object') throw notAnObject(where, given);
  for (const name in given) {
    const names = namesAt(known, name);
    if (names === undefined) throw new HydraError('BAD_OPTION', unknownOption(where, name, known));
    if (names !== true) refuseIn(`${where}.${name}`, given[name as keyof typeof given], names);
  }
}

/**
 * Refuses a name that is nearly one that is known, where others may know more names than we do.
 *
 * @throws HydraError `BAD_OPTION` with the name that was probably meant
 */
export function refuseMisspelt(where: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    const nearest = known.includes(name) ? undefined : nearestOf(name, known);
    if (nearest === undefined) continue;
    throw new HydraError('BAD_OPTION', `"${name}" is no option of ${where}: did you mean "${nearest}"?`);
  }
}

/** A copy without unknown names; `tell` is called with each of them. For options that no compiler has checked. */
export function withoutUnknown<T extends object>(
  where: string,
  given: T,
  known: OptionNames,
  tell: (text: string) => void,
): T {
  const kept = Object.entries(given).flatMap(([name, value]: [string, unknown]) => {
    const names = namesAt(known, name);
    if (names === undefined) tell(unknownOption(where, name, known));
    if (names === undefined) return [];
    const isGroup = names !== true && typeof value === 'object' && value !== null && !Array.isArray(value);
    return [[name, isGroup ? withoutUnknown(`${where}.${name}`, value, names, tell) : value]];
  });
  return Object.fromEntries(kept) as T;
}

/** Of a list, or of options that may be a plain value too, only objects have names. */
function refuseIn(where: string, value: unknown, names: OptionNames): void {
  if (typeof value === 'object') refuseUnknown(where, value, names);
}

function namesAt(known: OptionNames, name: string): OptionNames | true | undefined {
  return Object.hasOwn(known, name) ? known[name] : known['*'];
}

function unknownOption(where: string, name: string, known: OptionNames): string {
  const names = Object.keys(known);
  const nearest = nearestOf(name, names);
  const hint = nearest === undefined ? `there are ${names.join(', ')}` : `did you mean "${nearest}"?`;
  return `"${name}" is no option of ${where}: ${hint}`;
}

function notAnObject(where: string, given: unknown): HydraError {
  return new HydraError('BAD_OPTION', `${where} must be an object of options, got a ${typeof given}`);
}

/** The name that was probably meant: the one with the fewest letters to change, if those are few. */
function nearestOf(given: string, names: readonly string[]): string | undefined {
  return nearNames(given, names)[0];
}

/** Names that were probably meant, the nearest first: those with few letters to change. */
export function nearNames(given: string, names: readonly string[]): readonly string[] {
  const most = Math.max(2, Math.floor(given.length / 3));
  return names
    .filter(({ length }) => Math.abs(length - given.length) <= most)
    .map((name) => ({ name, distance: distance(given.toLowerCase(), name.toLowerCase()) }))
    .filter((near) => near.distance <= most)
    .toSorted((a, b) => a.distance - b.distance)
    .map(({ name }) => name);
}

/** Levenshtein's: letters to put in, take out or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
