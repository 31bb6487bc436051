import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The commands that install packages themselves. */
const COMMANDS = [
  'demo',
  'sample',
  'simulate',
  'test',
  'test:browser',
  'test:consumers',
  'test:matrix',
  'test:redis',
  'bench',
];

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** What a file imports before it does anything, and what that imports. */
function packagesOf(file: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const names = [...text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)';/gm)].map(
    ([, name = '']) => name,
  );
  return names.flatMap((name) => {
    if (name.startsWith('.')) return packagesOf(join(dirname(file), name), seen);
    return name.startsWith('node:') ? [] : [`${file}: ${name}`];
  });
}

describe('a command in a fresh clone', () => {
  it.each(COMMANDS)('%s needs no package before it has installed them', (name) => {
    const [, file = ''] = /^node (\S+)/.exec(scripts[name] ?? '') ?? [];
    expect(file).not.toBe('');
    expect(packagesOf(file)).toEqual([]);
  });
});
