/**
 * `node tools/debian-servers.mjs <folder>`: downloads the servers that this machine's Debian archives offer, and unpacks them
 * there. Nothing is installed. Prints the path of each server, for `npm run test:redis -- <path>`.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from './command.mjs';

/** Packages with a server, and the program in each. */
const SERVERS = {
  'redis-server': 'redis-server',
  'valkey-server': 'valkey-server',
  'redict-server': 'redict-server',
};
/** In newer releases the program itself is in this one. */
const BESIDE = {
  'redis-server': 'redis-tools',
  'valkey-server': 'valkey-tools',
  'redict-server': 'redict-tools',
};

const say = (line) => process.stdout.write(`${line}\n`);
const note = (line) => process.stderr.write(`${line}\n`);

async function download(name, folder) {
  const code = await run('apt-get', ['-q', 'download', name], { cwd: folder, log: () => undefined });
  return code === 0;
}

async function unpack(name, program, folder) {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  if (!(await download(name, place))) return note(`${name}: not in the archives of this machine`);
  await download(BESIDE[name], place);
  for (const file of readdirSync(place).filter((one) => one.endsWith('.deb')))
    await run('dpkg-deb', ['-x', join(place, file), place], { log: note });
  const server = ['usr/bin', 'usr/sbin']
    .map((bin) => join(place, bin, program))
    .find((path) => existsSync(path));
  return server ? say(server) : note(`${name}: it has no program ${program}`);
}

const [given] = process.argv.slice(2);
if (given === undefined) {
  note('Where to? node tools/debian-servers.mjs <folder>');
  process.exit(2);
}
for (const [name, program] of Object.entries(SERVERS)) await unpack(name, program, resolve(given));
