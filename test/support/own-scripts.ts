import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { Script } from '../../lib/redis/script.js';

/** As a script is written in a source: its name is the first argument. */
const NAME = /\bnew Script(?:<[^'`]*>)?\(\s*'([^']+)'/g;

const SOURCES = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => [join('lib', path), readFileSync(join('lib', path), 'utf8')] as const)
  .filter(([, text]) => /\bnew Script\b/.test(text));

/** The name of every script that a source of the library has, exported or not. */
export function scriptNamesInSources(): string[] {
  return SOURCES.flatMap(([, text]) => [...text.matchAll(NAME)].map(([, name]) => name!)).toSorted();
}

/** How often the sources of the library make a script. */
export function countScriptsInSources(): number {
  return SOURCES.reduce((count, [, text]) => count + text.match(/\bnew Script\b/g)!.length, 0);
}

/** Every script that a module of the library exports. */
export async function ownScripts(): Promise<Script<unknown>[]> {
  const modules = await Promise.all(
    SOURCES.map(([path]) => import(resolve(path)) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) =>
    Object.values(module).filter((value): value is Script<unknown> => value instanceof Script),
  );
}
