/** Makes sure the installed packages are the ones package-lock.json names. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Installs the packages of the project, or of another folder with a lock file.
 *
 * @throws Error when npm could not install them
 */
export async function ensurePackages({ log = console.error, folder = ROOT } = {}) {
  if (await areInstalled(join(folder, 'package-lock.json'), join(folder, 'node_modules'))) return;
  log('installing npm packages (npm ci), this takes about half a minute ...');
  if ((await npm(['ci'], folder, log)) === 0) return;
  // A lock file written where some platform's optional packages could not be had fails npm ci for everybody.
  log('npm ci failed, trying npm install --no-save ...');
  const code = await npm(['install', '--no-save'], folder, log);
  if (code !== 0) throw new Error(`npm install ended with code ${code}`);
}

function npm(words, cwd, log) {
  const args = [...words, '--no-audit', '--no-fund', '--loglevel=http'];
  return run('npm', args, { cwd, log: sparse(log) });
}

/**
 * Compares what is installed with the lock file package by package. File times will not do: npm itself writes
 * package-lock.json last, and a checkout gives every file a new time.
 */
export async function areInstalled(lockFile, modulesFolder) {
  try {
    const wanted = await packagesIn(lockFile);
    const present = await packagesIn(join(modulesFolder, '.package-lock.json'));
    return Object.entries(wanted).every(([path, { version, optional, devOptional }]) => {
      if (path === '') return true;
      // Optional packages are left out where they do not fit the platform.
      return present[path] ? present[path].version === version : Boolean(optional ?? devOptional);
    });
  } catch {
    return false;
  }
}

async function packagesIn(file) {
  return JSON.parse(await readFile(file, 'utf8')).packages;
}

/** Fetches come by the hundred and warnings are about tools' own packages: a count is shown in their place. */
function sparse(log) {
  let fetched = 0;
  return (line) => {
    if (line.startsWith('npm http')) {
      if (++fetched % 100 === 0) log(`  ${fetched} packages fetched ...`);
    } else if (line && !line.startsWith('npm warn')) log(`  ${line}`);
  };
}
