/**
 * Two states of the library beside one another, each compiled in a temporary folder of its own: this working tree, and a
 * commit. Both hold the benchmark programs of this working tree, so that only the library differs.
 */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { extract, must } from './commits.mjs';
import { areInstalled, ensurePackages, ROOT } from './setup.mjs';
import { watchFolder } from './watchdog.mjs';

/** All that a build needs. */
const SOURCES = ['lib', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
const PROGRAMS = ['tools', join('test', 'bench')];

/**
 * Compiles both.
 *
 * @returns {Promise<{ before: string, now: string, remove: () => Promise<void> }>} their folders
 * @throws Error when one could not be compiled
 */
export async function buildBoth(commit, { log }) {
  const folder = await mkdtemp(join(tmpdir(), 'hydra-compare-'));
  watchFolder(folder);
  const [before, now] = [join(folder, 'before'), join(folder, 'now')];
  await Promise.all([extract(commit, SOURCES, before), copyTree(now)]);
  for (const tree of [before, now]) {
    await addPrograms(tree);
    await addPackages(tree, log);
    await compile(tree);
  }
  return { before, now, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function copyTree(tree) {
  await mkdir(tree);
  for (const name of SOURCES) await cp(join(ROOT, name), join(tree, name), { recursive: true });
}

const isOwn = (path) => basename(path) !== 'node_modules';

async function addPrograms(tree) {
  for (const name of PROGRAMS)
    await cp(join(ROOT, name), join(tree, name), { recursive: true, filter: isOwn });
}

/** Links the packages of this tree when it has every one that the commit names, in the same version. */
async function addPackages(tree, log) {
  if (await areInstalled(join(tree, 'package-lock.json'), join(ROOT, 'node_modules'))) {
    await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  } else await ensurePackages({ log, folder: tree });
}

const compile = (tree) =>
  must(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', 'dist'],
    tree,
  );
