/**
 * `npm run build`: the library twice, as ES modules in dist/ and as CommonJS in dist/cjs/, with the page of the dashboard in both.
 * The ES modules of an export are one file and what it shares with others; build/ has them file by file.
 */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rollup } from 'rollup';
import { run } from './command.mjs';
import { buildPage, pageModule } from './page.mjs';
import { ROOT } from './setup.mjs';

const DIST = join(ROOT, 'dist');
const BUILD = join(ROOT, 'build');
const ENTRIES = ['index', 'testing/testing', 'telemetry/telemetry', 'dashboard/dashboard', 'cli/main'];

const compile = (config) =>
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', config], { cwd: ROOT, inherit: true });

/** @throws Error when a class is called otherwise than it is exported */
async function checkNames() {
  for (const entry of ENTRIES.filter((name) => name !== 'cli/main')) {
    const exported = Object.entries(await import(pathToFileURL(join(DIST, `${entry}.js`)).href));
    for (const [name, value] of exported)
      if (typeof value === 'function' && value.name !== name)
        throw new Error(`dist/${entry}.js exports ${name} as "${value.name}"`);
  }
}

const isType = (path) => !path.endsWith('.js');

/** Node takes a fifth of a second to find and read some four hundred files, whenever a process starts. */
async function bundle() {
  const bundled = await rollup({
    input: Object.fromEntries(ENTRIES.map((entry) => [entry, join(BUILD, `${entry}.js`)])),
    external: (name) => !name.startsWith('.') && !isAbsolute(name),
    onLog(level, { code, message }) {
      // TypeScript's helpers look whether there are others at `this`.
      if (level === 'warn' && code !== 'THIS_IS_UNDEFINED') throw new Error(message);
    },
  });
  await bundled.write({
    dir: DIST,
    format: 'esm',
    chunkFileNames: 'chunks/[name]-[hash].js',
    hoistTransitiveImports: false,
  });
  await bundled.close();
  await cp(BUILD, DIST, { recursive: true, filter: isType });
}

await Promise.all([DIST, BUILD].map((folder) => rm(folder, { recursive: true, force: true })));
await mkdir(join(DIST, 'cjs'), { recursive: true });
// Node and TypeScript take a file for CommonJS or not by the nearest package.json.
await writeFile(join(DIST, 'cjs', 'package.json'), '{ "type": "commonjs", "sideEffects": false }\n');
const codes = await Promise.all(
  ['tsconfig.build.json', 'tsconfig.cjs.json', 'ui/tsconfig.json'].map(compile),
);
process.exitCode = Math.max(...codes);
if (process.exitCode === 0) {
  const files = await buildPage();
  await writeFile(join(BUILD, 'dashboard', 'page-files.js'), pageModule(files, 'esm'));
  await writeFile(join(DIST, 'cjs', 'dashboard', 'page-files.js'), pageModule(files, 'cjs'));
  await bundle();
  await checkNames();
}
