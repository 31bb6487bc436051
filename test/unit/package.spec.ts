import { readdirSync, readFileSync, statSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

type Conditions = Readonly<Record<string, { readonly types: string; readonly default: string }>>;

interface Manifest {
  readonly main: string;
  readonly types: string;
  readonly exports: Readonly<Record<string, string | Conditions>>;
  readonly typesVersions?: { readonly '*': Readonly<Record<string, readonly string[]>> };
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(read('package.json')) as Manifest;
const entries = Object.entries(manifest.exports).filter(
  (entry): entry is [string, Conditions] => typeof entry[1] === 'object',
);

describe('every export', () => {
  it.each(entries)(
    '"%s" is one ES module in Node, and CommonJS for what cannot load one',
    (_, conditions) => {
      // Node, import and require alike, takes the first of them that it knows; jest and TypeScript do not know module-sync.
      expect(Object.keys(conditions)).toEqual(['module-sync', 'import', 'require']);
      const { 'module-sync': sync, import: esm, require: cjs } = conditions as Required<Conditions>;
      expect(sync).toEqual(esm);
      expect(cjs).toEqual({
        types: esm!.types.replace('./dist/', './dist/cjs/'),
        default: esm!.default.replace('./dist/', './dist/cjs/'),
      });
    },
  );

  it.each(entries)('"%s" is found where exports are not heeded', (name, conditions) => {
    const { types, default: file } = conditions['require']!;
    if (name === '.') {
      expect([`./${manifest.types}`, `./${manifest.main}`]).toEqual([types, file]);
    } else {
      expect(manifest.typesVersions?.['*'][name.slice(2)]).toEqual([types.slice(2)]);
    }
  });

  it.each(entries)('"%s" is built from a file that is there', (_, conditions) => {
    for (const { types, default: file } of Object.values(conditions)) {
      const source = file.replace(/^\.\/dist\/(cjs\/)?/, 'lib/').replace(/\.js$/, '.ts');
      expect(types).toBe(file.replace(/\.js$/, '.d.ts'));
      expect(statSync(new URL(source, ROOT)).isFile()).toBe(true);
    }
  });
});

describe('the tarball', () => {
  const isPacked = (path: string) =>
    /^(README\.md|LICENSE|package\.json)$/.test(path) ||
    manifest.files.some((file) => path === file || path.startsWith(`${file}/`));
  const included = manifest.files.filter((path) => !path.startsWith('!'));
  const pages = [...new Set(['README.md', ...included])].flatMap((path) => {
    if (path.endsWith('.md')) return [path];
    if (path === 'dist') return [];
    const names = readdirSync(new URL(path, ROOT), { recursive: true, encoding: 'utf8' });
    return names.filter((name) => name.endsWith('.md')).map((name) => `${path}/${name}`);
  });

  it.each(pages)('holds what %s leads to', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link!);
    const targets = links.map((link) => new URL(link, new URL(page, ROOT)).href.slice(ROOT.href.length));
    expect(targets.filter((target) => !isPacked(target.replace(/\/$/, '')))).toEqual([]);
  });
});
