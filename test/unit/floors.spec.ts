import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { floorBreaches, type SourceFiles } from '../support/floors.js';

const LIB = fileURLToPath(new URL('../../lib', import.meta.url));

function readLib(): SourceFiles {
  const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return Object.fromEntries(
    files.map((file) => [file.replaceAll('\\', '/'), readFileSync(join(LIB, file), 'utf8')]),
  );
}

describe('the library', () => {
  it('keeps to its floors', () => {
    const files = readLib();
    expect(Object.keys(files)).not.toHaveLength(0);
    expect(floorBreaches(files)).toEqual([]);
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
