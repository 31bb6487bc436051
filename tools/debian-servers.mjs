/**
 * `node tools/debian-servers.mjs <folder> [release…]`: unpacks the servers of Debian's releases, with the libraries that they need,
 * and installs nothing. Wants a machine with apt, whose mirror is asked. Prints the path of each server, for
 * `npm run test:redis -- <path>`.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from './command.mjs';

/** Where servers are looked for. A release that builds on another one takes libraries, and servers that it lacks, from there. */
const RELEASES = {
  bullseye: [],
  bookworm: [],
  'bookworm-backports': ['bookworm'],
  trixie: [],
  sid: [],
  experimental: ['sid'],
};
const SERVERS = ['redis-server', 'valkey-server', 'redict-server'];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const say = (line) => process.stdout.write(`${line}\n`);
const note = (line) => process.stderr.write(`${line}\n`);

async function linesOf(program, args, options) {
  const lines = [];
  const code = await run(program, args, { ...options, log: (line) => lines.push(line) });
  return code === 0 ? lines : [];
}

/** The mirror that this machine takes Debian from. */
async function findMirror() {
  const format = ['--format', '$(REPO_URI) $(LABEL)', 'Created-By: Packages'];
  const found = (await linesOf('apt-get', ['indextargets', ...format])).find((line) =>
    line.endsWith(' Debian'),
  );
  if (found === undefined) throw new Error('apt-get of this machine knows no archive of Debian');
  return found.split(' ')[0];
}

/** An apt of a folder of its own, which knows one release and nothing that is installed. */
async function openRelease(name, mirror, folder) {
  for (const part of ['lists/partial', 'cache/archives/partial', 'debs'])
    mkdirSync(join(folder, part), { recursive: true });
  const sources = join(folder, 'sources.list');
  const lines = [...RELEASES[name], name].map((one) => `deb [signed-by=${KEYRING}] ${mirror} ${one} main\n`);
  writeFileSync(sources, lines.join(''));
  const own = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(folder, 'cache'),
    'APT::Default-Release': name,
    'APT::Sandbox::User': '',
  };
  const flags = ['-q', ...Object.entries(own).map(([option, value]) => `-o${option}=${value}`)];
  const apt = (program, ...words) => linesOf(program, [...flags, ...words], { cwd: join(folder, 'debs') });
  await apt('apt-get', 'update');
  return apt;
}

/** The packages of the servers, and of all that they need the libraries and the tools of their own. */
async function packagesOf(apt, servers) {
  const needs = new Map();
  let name = '';
  for (const line of await apt('apt-cache', 'depends', '--important', '--recurse', ...servers)) {
    if (/^[a-z]/.test(line)) name = line;
    const needed = /^ {2}(?:Pre)?Depends: (\S+)/.exec(line)?.[1];
    if (needed) needs.set(name, [...(needs.get(name) ?? []), needed]);
  }
  const wanted = new Set(servers);
  for (const one of wanted)
    for (const needed of needs.get(one) ?? []) if (/^lib|^lua-|-tools$/.test(needed)) wanted.add(needed);
  return [...wanted];
}

/** All folders with libraries, and the program that loads them: those of this machine may be older. */
function librariesIn(root) {
  const places = ['lib', 'usr/lib'].map((place) => join(root, place)).filter((place) => existsSync(place));
  const folders = places.flatMap((place) => {
    const inside = readdirSync(place, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && entry.name.includes('-linux-'),
    );
    return [place, ...inside.map((entry) => join(place, entry.name))];
  });
  const loaders = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^ld-linux.*\.so\.\d+$/.test(name))
      .map((name) => join(folder, name)),
  );
  return { folders, loader: loaders[0] };
}

/** Writes a program that starts the server with its own libraries, whatever this machine has. */
function wrap(program, root, path) {
  const { folders, loader } = librariesIn(root);
  const words = [loader, '--library-path', folders.join(':'), program].map((word) => `'${word}'`);
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(path, 0o755);
}

/** Returns the path of each server that the release has. */
async function unpack(release, mirror, folder) {
  const apt = await openRelease(release, mirror, folder);
  const offered = [];
  for (const server of SERVERS) if ((await apt('apt-cache', 'show', server)).length > 0) offered.push(server);
  if (offered.length === 0) return [];
  const debs = join(folder, 'debs');
  await apt('apt-get', 'download', ...(await packagesOf(apt, offered)));
  const root = join(folder, 'root');
  for (const file of readdirSync(debs)) await run('dpkg-deb', ['-x', join(debs, file), root], { log: note });
  // A package that could not be fetched has left nothing behind.
  const unpacked = offered.filter((server) => existsSync(join(root, 'usr/bin', server)));
  return unpacked.map((server) => {
    const path = join(folder, server);
    wrap(join(root, 'usr/bin', server), root, path);
    return path;
  });
}

const [given, ...named] = process.argv.slice(2);
const unknown = named.filter((name) => !(name in RELEASES));
if (given === undefined || unknown.length > 0) {
  note(`Where to? node tools/debian-servers.mjs <folder> [${Object.keys(RELEASES).join(' | ')}]`);
  process.exit(2);
}
const mirror = await findMirror();
let found = 0;
for (const release of named.length > 0 ? named : Object.keys(RELEASES))
  for (const path of await unpack(release, mirror, join(resolve(given), release))) {
    say(path);
    found++;
  }
if (found === 0) {
  note(`No server was found: ${mirror} did not answer, or its releases have none of ${SERVERS.join(', ')}`);
  process.exit(1);
}
