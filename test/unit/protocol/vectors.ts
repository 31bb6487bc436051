import { readFileSync } from 'node:fs';

/** What `tools/record-vectors.mjs` recorded under this name; the caller says what shape it has. */
export function vectors<T>(name: string): T {
  const file = new URL(`../../vectors/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { data: T }).data;
}
