/**
 * `npm run build`: the library twice, as ES modules in dist/ and as CommonJS in dist/cjs/, with the page of the dashboard in both.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.mjs';
import { buildPage, pageModule } from './page.mjs';
import { ROOT } from './setup.mjs';

const DIST = join(ROOT, 'dist');

const compile = (config) =>
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', config], { cwd: ROOT, inherit: true });

await rm(DIST, { recursive: true, force: true });
await mkdir(join(DIST, 'cjs'), { recursive: true });
// Node and TypeScript take a file for CommonJS or not by the nearest package.json.
await writeFile(join(DIST, 'cjs', 'package.json'), '{ "type": "commonjs", "sideEffects": false }\n');
const codes = await Promise.all(
  ['tsconfig.build.json', 'tsconfig.cjs.json', 'ui/tsconfig.json'].map(compile),
);
const files = await buildPage();
await writeFile(join(DIST, 'dashboard', 'page-files.js'), pageModule(files, 'esm'));
await writeFile(join(DIST, 'cjs', 'dashboard', 'page-files.js'), pageModule(files, 'cjs'));
process.exitCode = Math.max(...codes);
