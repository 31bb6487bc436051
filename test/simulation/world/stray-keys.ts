import { readFileSync } from 'node:fs';

import type { MemoryServer } from '../../../lib/testing/server/memory-server.js';

/** From the root, where its processes start, compiled ones too. */
const PAGE = 'docs/redis-keys.md';
const NAMESPACE = 'hydra';

/** Keys that are in no table of docs/redis-keys.md, or should have ended with the instances. */
export function strayKeys(server: MemoryServer): string[] {
  const known = knownKeys();
  const database = server.database(0);
  const keys = database.copy().values.map(([key]) => key);
  return keys.filter((key) => database.has(key) && !known.some((pattern) => pattern.test(key)));
}

let patterns: readonly RegExp[] | undefined;

/** The keys of the tables. */
function knownKeys(): readonly RegExp[] {
  patterns ??= readTables();
  return patterns;
}

function readTables(): RegExp[] {
  const found: RegExp[] = [];
  let prefix = '';
  for (const line of readFileSync(PAGE, 'utf8').split('\n')) {
    prefix = /^`…` stands for `([^`]+)`/.exec(line)?.[1] ?? prefix;
    const [, names = ''] = line.split('|');
    for (const [, name = ''] of names.matchAll(/`([^`]+)`/g))
      found.push(patternOf(name.replace('…', prefix)));
  }
  return found;
}

function patternOf(name: string): RegExp {
  const escaped = name
    .replaceAll('<ns>', NAMESPACE)
    .split(/<[^>]+>/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join('.+')}$`);
}
