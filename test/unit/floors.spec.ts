import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { floorBreaches, type SourceFiles } from '../support/floors.js';
import {
  bannedWords,
  crowdedFolders,
  machineTime,
  misnamedFiles,
  numbersAboveLimit,
  wideConstructors,
} from '../support/house-rules.js';
import {
  differences,
  leftoverDifferences,
  leftoverText,
  shrunk,
  type Leftovers,
} from '../support/leftovers.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function readFolder(folder: string, ending: string): SourceFiles {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  const paths = files.filter((file) => file.endsWith(ending)).map((file) => file.replaceAll('\\', '/'));
  return Object.fromEntries(paths.map((file) => [file, readFileSync(join(ROOT, folder, file), 'utf8')]));
}

const readLib = () => readFolder('lib', '.ts');

/** What people read: the code, the pages of docs/ and those at the top but the record of what changed. */
function readTexts(): SourceFiles {
  const under = (folder: string, files: SourceFiles) =>
    Object.entries(files).map(([file, text]) => [`${folder}/${file}`, text] as const);
  const pages = readdirSync(ROOT).filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md');
  return Object.fromEntries([
    ...under('lib', readLib()),
    ...under('docs', readFolder('docs', '.md')),
    ...pages.map((page) => [page, readFileSync(join(ROOT, page), 'utf8')] as const),
  ]);
}

describe('the library', () => {
  it('keeps to its floors', () => {
    const files = readLib();
    expect(Object.keys(files)).not.toHaveLength(0);
    expect(floorBreaches(files)).toEqual([]);
  });

  it('asks its instance for time and randomness, and the machine nowhere but in runtime/', () => {
    expect(machineTime(readLib())).toEqual({});
  });

  it.each<[rule: string, kind: string, find: () => Leftovers]>([
    ['gives no constructor more than 4 parameters', 'constructors', () => wideConstructors(readLib())],
    ['stays within its numbers', 'numbers', () => numbersAboveLimit(readLib())],
    ['names its files in kebab case, after what they export', 'file-names', () => misnamedFiles(readLib())],
    ['keeps no more than 20 files in a folder', 'folders', () => crowdedFolders(readLib())],
    ['says the words of its field', 'words', () => bannedWords(readTexts())],
  ])('%s, but for what is listed', (_rule, kind, find) => {
    expect(leftoverDifferences(kind, find())).toEqual([]);
  });
});

describe('the rules of the house', () => {
  it('count what asks the machine for its time or its randomness', () => {
    const text =
      'const now = Date.now(); setTimeout(f, Math.random()); clock.setTimeout(f, 1); new Date(now);';
    expect(machineTime({ 'queue/a.ts': text, 'runtime/clock.ts': text })).toEqual({ 'queue/a.ts': 3 });
    const ofRxjs = 'changes.pipe(throttleTime(50, asyncScheduler), map(f)); clock.delay(1);';
    expect(machineTime({ 'config/a.ts': ofRxjs })).toEqual({ 'config/a.ts': 1 });
  });

  it('count a constructor of five parameters, and none of four', () => {
    const files = {
      'a.ts': `export class A { constructor(a: number, b: number, c: number, d: number, readonly e: number) {} }`,
      'b.ts': `export class B { constructor(a: number, b: number, c: number, d: number) {} }`,
    };
    expect(wideConstructors(files)).toEqual({ A: 5 });
  });

  it('bound what nine constructors in ten take, and the fields that anybody may write', () => {
    const parameters = 'a: number, b: number, c: number, d: number';
    const fields = Array.from({ length: 11 }, (_, n) => `f${n} = 0;`).join(' ');
    const closed = 'private a = 0; protected b = 0; readonly c = 0; #d = 0;';
    const constructor = `constructor(${parameters}) {}`;
    expect(numbersAboveLimit({ 'a.ts': `class A { ${fields} ${closed} ${constructor} }` })).toEqual({
      'parameters of nine constructors in ten': 4,
      'public mutable fields': 11,
    });
    expect(
      numbersAboveLimit({ 'a.ts': `class A { f = 0; constructor(a: number, public b: number) {} }` }),
    ).toEqual({});
  });

  it('want file names in kebab case, after the one class in the file', () => {
    const nothing = 'export const nothing = 0;';
    const files = {
      'index.ts': nothing,
      'redis/many-words.ts': nothing,
      'redis/job-view.ts': 'export class JobView {} class Other {}',
      'redis/two.ts': 'export class A {} export class B {}',
      'redis/dotted.role.ts': nothing,
      'redis/camelCase.ts': nothing,
      'redis/other.ts': 'export class JobView {}',
    };
    expect(Object.keys(misnamedFiles(files))).toEqual([
      'redis/dotted.role.ts',
      'redis/camelCase.ts',
      'redis/other.ts',
    ]);
  });

  it('want sub-folders from 21 files on', () => {
    const filled = (folder: string, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`${folder}/f${n}.ts`, '']));
    const files = { ...filled('queue', 21), ...filled('queue/worker', 20), ...filled('redis', 20) };
    expect(crowdedFolders(files)).toEqual({ 'lib/queue': 21 });
  });

  it('find a banned word in prose, in names and across lines, and let ordinary English be', () => {
    const texts = {
      'lib/queue/worker/a.ts': `const parkedJobs = 1; // The entry is in\n * hand, and MOST_TRIES\nkeep(LANE_COUNT, ledger);`,
      'docs/a.md': 'They run in turn, hands tied; return at each turn. There is none. A ledger.',
      'docs/decisions/0001-a.md': 'The queue goes on for good.',
    };
    expect(bannedWords(texts)).toEqual({
      'lib/queue: parked': 1,
      'lib/queue: in hand': 1,
      'lib/queue: lane': 1,
      'lib/queue: ledger': 1,
      'lib/queue: MOST_, LEAST_': 1,
      'docs/a.md: turn': 1,
      'docs/decisions: goes on': 1,
      'docs/decisions: for good': 1,
    });
  });
});

describe('a list of leftovers', () => {
  const allowed = { old: 2, mended: 1 };

  it('lets nothing be added, and nothing be listed that is mended', () => {
    expect(differences('words', allowed, { old: 2, mended: 1 })).toEqual([]);
    expect(differences('words', allowed, { old: 1, mended: 1 })).toEqual([]);
    expect(differences('words', allowed, { old: 3, fresh: 1, mended: 1 })).toEqual([
      'words: old (3, allowed 2)',
      'words: fresh (1, allowed 0)',
    ]);
    expect(differences('words', allowed, { old: 2 })).toEqual([
      'words: mended is mended; HYDRA_UPDATE_LEFTOVERS=1 removes it from the list',
    ]);
  });

  it('never gets longer when it is written anew', () => {
    expect(shrunk(allowed, { old: 1, fresh: 1 })).toEqual({ old: 1 });
    expect(shrunk(allowed, { old: 5 })).toEqual({ old: 2 });
    expect(leftoverText({ b: 1, a: 2 })).toBe('{\n  "a": 2,\n  "b": 1\n}\n');
  });
});

describe('the walls', () => {
  const NOTHING = 'export const nothing = 0;';

  it.each<[what: string, files: SourceFiles]>([
    [
      'imports of lower floors, of the same folder and among the top files',
      {
        'hydra-error.ts': NOTHING,
        'hydra-options.ts': `import './options/checks.js'; import './protocol/keys.js'; import type {} from 'ioredis';`,
        'options/checks.ts': `import '../hydra-error.js'; import '../protocol/keys.js';`,
        'protocol/keys.ts': `import '../hydra-error.js';`,
        'protocol/message.ts': `import './keys.js';`,
        'redis/script.ts': `import 'node:crypto';`,
        'redis/connections.ts': `import 'ioredis'; import '@nestjs/common';`,
        'registry/presence.ts': `import '../redis/connections.js'; import 'rxjs';`,
        'delivery/source.ts': `import '../protocol/keys.js'; import '@nestjs/microservices';`,
        'queue/queue.service.ts': `import '../registry/presence.js'; import 'rxjs/operators';`,
        'hydra-server.ts': `import './queue/queue.service.js';`,
        'cli/main.ts': `import '../hydra-server.js';`,
        'index.ts': `export { nothing } from './hydra-error.js';`,
      },
    ],
    [
      'the same name in text and comments',
      { 'protocol/a.ts': `// import 'rxjs'\nconst s = "import('ioredis')";` },
    ],
  ])('let through %s', (_what, files) => {
    expect(floorBreaches(files)).toEqual([]);
  });

  it.each<[what: string, files: SourceFiles, breach: string]>([
    [
      'a higher floor',
      { 'redis/a.ts': `import '../registry/b.js';`, 'registry/b.ts': NOTHING },
      "redis/a.ts imports '../registry/b.js': floor 2 may import its own folder and lower floors only",
    ],
    [
      'a sibling on the same floor',
      { 'queue/a.ts': `import '../streams/b.js';`, 'streams/b.ts': NOTHING },
      "queue/a.ts imports '../streams/b.js': floor 4",
    ],
    [
      'a sibling, for its types only',
      { 'delivery/a.ts': `import type { B } from '../registry/b.js';`, 'registry/b.ts': NOTHING },
      "delivery/a.ts imports '../registry/b.js': floor 3",
    ],
    [
      'a top file, in a dynamic import',
      { 'logging/a.ts': `await import('../hydra-server.js');`, 'hydra-server.ts': NOTHING },
      "logging/a.ts imports '../hydra-server.js': floor 4",
    ],
    [
      'the options from protocol',
      { 'protocol/a.ts': `import '../hydra-options.js';`, 'hydra-options.ts': NOTHING },
      "protocol/a.ts imports '../hydra-options.js': floor 0",
    ],
    [
      'a part of the options from protocol',
      { 'protocol/a.ts': `import '../options/b.js';`, 'options/b.ts': NOTHING },
      "protocol/a.ts imports '../options/b.js': floor 0",
    ],
    ['ioredis above redis/', { 'queue/a.ts': `import 'ioredis';` }, 'ioredis belongs to redis'],
    ['rxjs in redis/', { 'redis/a.ts': `import 'rxjs';` }, 'rxjs belongs to'],
    [
      'microservices in registry/',
      { 'registry/a.ts': `import '@nestjs/microservices';` },
      '@nestjs/microservices belongs to',
    ],
    ['crypto in delivery/', { 'delivery/a.ts': `import 'crypto';` }, 'node:crypto belongs to'],
    [
      'crypto elsewhere in protocol/',
      { 'protocol/a.ts': `import 'node:crypto';` },
      'floor 0 imports no package',
    ],
    ['Nest on floor 0', { 'hydra-error.ts': `import '@nestjs/common';` }, 'floor 0 imports no package'],
    ['a builtin on floor 0', { 'protocol/a.ts': `import 'node:fs';` }, 'floor 0 imports no package'],
    [
      'a cycle, closed by a type',
      { 'redis/a.ts': `import './b.js';`, 'redis/b.ts': `import type { A } from './a.js';` },
      'import cycle: redis/a.ts → redis/b.ts → redis/a.ts',
    ],
    ['a second barrel', { 'redis/index.ts': NOTHING }, 'redis/index.ts: lib/index.ts is the only barrel'],
    [
      'a star export',
      { 'index.ts': `export * from './hydra-error.js';`, 'hydra-error.ts': NOTHING },
      'export *',
    ],
    [
      'the barrel, from inside',
      { 'cli/main.ts': `import '../index.js';`, 'index.ts': NOTHING },
      "cli/main.ts imports '../index.js': import the file, not the barrel",
    ],
    [
      'a path without .js',
      { 'redis/a.ts': `import './b';`, 'redis/b.ts': NOTHING },
      "redis/a.ts imports './b': relative imports end in .js",
    ],
    [
      'a missing file',
      { 'redis/a.ts': `import './gone.js';` },
      "redis/a.ts imports './gone.js': no such file",
    ],
    ['a file outside lib/', { 'redis/a.ts': `import '../../tools/redis.js';` }, 'leaves lib/'],
    ['a vague folder', { 'redis/utils/a.ts': NOTHING }, 'redis/utils/a.ts: no folder named utils'],
    ['a folder on no floor', { 'misc/a.ts': NOTHING }, 'misc/a.ts: folder misc is on no floor'],
  ])('stop %s', (_what, files, breach) => {
    expect(floorBreaches(files)).toContainEqual(expect.stringContaining(breach));
  });
});
