import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What breaks a rule that is younger than it: a name a line, or a count for each name. */
export type Leftovers = Readonly<Record<string, number>>;

const isUpdate = process.env['HYDRA_UPDATE_LEFTOVERS'] === '1';
const fileOf = (kind: string) => fileURLToPath(new URL(`leftovers/${kind}.json`, import.meta.url));

/**
 * Compares what breaks a rule with the list of what may still do so, `leftovers/<kind>.json`: nothing may be added, and
 * what is mended leaves the list. With HYDRA_UPDATE_LEFTOVERS=1 the list is written anew, but never gets longer.
 *
 * @returns a sentence for each difference
 */
export function leftoverDifferences(kind: string, found: Leftovers): string[] {
  const allowed = JSON.parse(readFileSync(fileOf(kind), 'utf8')) as Leftovers;
  if (isUpdate) writeFileSync(fileOf(kind), leftoverText(shrunk(allowed, found)));
  return differences(kind, isUpdate ? shrunk(allowed, found) : allowed, found);
}

export function differences(kind: string, allowed: Leftovers, found: Leftovers): string[] {
  const added = Object.entries(found)
    .filter(([name, count]) => count > (allowed[name] ?? 0))
    .map(([name, count]) => `${kind}: ${name} (${count}, allowed ${allowed[name] ?? 0})`);
  const mended = Object.keys(allowed)
    .filter((name) => !found[name])
    .map((name) => `${kind}: ${name} is mended; HYDRA_UPDATE_LEFTOVERS=1 removes it from the list`);
  return [...added, ...mended];
}

/** The lower of both counts; what is in one of them only is left out. */
export function shrunk(allowed: Leftovers, found: Leftovers): Leftovers {
  const kept = Object.keys(allowed).filter((name) => found[name]);
  return Object.fromEntries(kept.map((name) => [name, Math.min(allowed[name]!, found[name]!)]));
}

/** Sorted, a name a line, so that lists that were changed side by side merge. */
export function leftoverText(leftovers: Leftovers): string {
  const sorted = Object.entries(leftovers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
}
