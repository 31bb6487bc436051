import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { createKeys, type Keys } from '../../lib/protocol/keys.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';

/** Those that make any name, and the names of channels, which hold nothing. */
const NO_KEYS = new Set(['own', 'ownStream']);
const isChannel = (name: string) => /Channel$|[aA]nnouncements$|Changes$|^events$|^wake/.test(name);

/** Every name that the code makes, with words in place of what varies. */
function namesInCode(): string[] {
  const keys = createKeys({ namespace: '<ns>' });
  const queue = createQueueKeys(keys, '<service>', '<queue>');
  const own = [...namesOf(keys, ['<service>', '<id>']), ...namesOf(queue, ['<owner>'])];
  const first = createQueueKeys(keys, '<service>').waiting;
  return [...own, first, ...ownParts()].map((name) =>
    name.replace('<ns>:stream:<service>', '<ns>:stream:<name>'),
  );
}

function namesOf(keys: object, words: readonly string[]): string[] {
  return Object.entries(keys)
    .filter(([name]) => !NO_KEYS.has(name) && !isChannel(name))
    .map(([name, value]) => {
      if (typeof value === 'string') return value;
      const place = PLACES[name] ?? placesOf(name, words);
      return (value as (...places: readonly string[]) => string)(...place);
    });
}

/** What varies in the names of the lists of one queue. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  aside: ['<pattern>'],
  asideFirst: ['<pattern>'],
  ofPriority: ['<pattern>', '<priority>'],
  log: ['<id>'],
};

function placesOf(name: string, words: readonly string[]): readonly string[] {
  return name === 'metricsLease' ? [words[0]!, '<what>'] : words;
}

/** What is named where it is used: `ownStream(stream, 'dead', group)`, `own(name, 'reprieve')`. */
function ownParts(): string[] {
  const places: Record<string, string> = {
    group: '<group>',
    name: '<group>',
    consumer: '<id>',
    id: '<id>',
    part: '',
  };
  const sources = ['streams', 'registry'].flatMap((folder) =>
    readdirSync(join('lib', folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join('lib', folder, file), 'utf8')),
  );
  const found = sources.flatMap((text) => [...text.matchAll(/\b(own|ownStream)\(\w+, ('[^)]*)\)/g)]);
  return found.map(([, kind, list = '']) => {
    const parts = list
      .split(', ')
      .map((part) => (part.startsWith("'") ? part.replaceAll("'", '') : places[part]));
    return kind === 'own'
      ? `<ns>:service:<service>:${parts.join(':')}`
      : `<ns>:stream:<name>:${parts.join(':')}`;
  });
}

/** The first column of each table; `…` stands for what the section says. */
function namesInDocs(): string[] {
  const names: string[] = [];
  let prefix = '';
  for (const line of readFileSync('docs/redis-keys.md', 'utf8').split('\n')) {
    prefix = /^`…` stands for `([^`]+)`/.exec(line)?.[1] ?? prefix;
    const cell = /^\| (`[^|]+) \|/.exec(line)?.[1];
    for (const [, name = ''] of cell?.matchAll(/`([^`]+)`/g) ?? []) names.push(name.replace('…', prefix));
  }
  return names;
}

describe('docs/redis-keys.md', () => {
  it('has every key of the code, and no other', () => {
    const inCode = new Set(
      namesInCode().filter((name) => !name.endsWith(':') && !name.includes(':undefined')),
    );
    expect(namesInDocs().toSorted()).toEqual([...inCode].toSorted());
  });

  it('finds names in the code at all', () => {
    expect(namesInCode().length).toBeGreaterThan(50);
    expect(Object.keys(createKeys()) satisfies string[] as (keyof Keys)[]).toContain('presence');
  });
});
