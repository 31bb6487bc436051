/**
 * Part of `npm run lint`: publint and attw look at the tarball that npm would publish, so a file forgotten in `files` and
 * types that some resolution does not find are found. Builds first where dist/ is older than what it is made of.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.mjs';
import { packInto } from './pack.mjs';
import { ROOT } from './setup.mjs';

const SOURCES = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'tsconfig.cjs.json',
  'tools/build.mjs',
  'tools/page.mjs',
];

const changedAt = async (path) => (await stat(join(ROOT, path))).mtimeMs;

async function isBuilt() {
  try {
    const builtAt = await Promise.all(['dist/index.js', 'dist/cjs/index.js'].map(changedAt));
    const names = await readdir(join(ROOT, 'lib'), { recursive: true });
    // The folders too: a file that is gone changes its folder.
    const sources = [...SOURCES, 'lib', ...names.map((name) => join('lib', name))];
    const changes = await Promise.all(sources.map(changedAt));
    return Math.max(...changes) < Math.min(...builtAt);
  } catch {
    return false;
  }
}

/** Says nothing but what is wrong. */
async function check(script, ...words) {
  const lines = [];
  const code = await run(process.execPath, [script, ...words], {
    cwd: ROOT,
    log: (line) => lines.push(line),
  });
  if (code !== 0) console.error(lines.join('\n'));
  return code === 0;
}

async function lint(scratch) {
  if (!(await isBuilt()) && !(await check('tools/build.mjs'))) return false;
  const tarball = await packInto(scratch);
  const verdicts = await Promise.all([
    check('node_modules/publint/src/cli.js', 'run', tarball, '--strict'),
    check('node_modules/@arethetypeswrong/cli/dist/index.js', tarball, '--no-emoji', '--no-color'),
  ]);
  return verdicts.every(Boolean);
}

const scratch = await mkdtemp(join(tmpdir(), 'hydra-package-'));
try {
  const passed = await lint(scratch);
  console.log(
    passed ? 'publint and attw find nothing wrong with the package.' : 'The package is not in order.',
  );
  process.exitCode = passed ? 0 : 1;
} finally {
  await rm(scratch, { recursive: true, force: true });
}
