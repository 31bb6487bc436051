/** Installing Redis with the system's own package manager. */
import { findProgram, run } from './command.mjs';

/**
 * Debian starts a service on port 6379 as it installs the package. A policy file that answers 101 forbids that; it is
 * only put there when the machine has none, and taken away whatever happens.
 */
const APT = `
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy
fi
apt-get -q update && apt-get -q install -y --no-install-recommends redis-server
`;

// Fedora and Arch have put Valkey in the place of Redis; older releases have only Redis.
const MANAGERS = [
  { program: 'apt-get', script: APT, say: 'apt-get update && apt-get install -y redis-server' },
  { program: 'apk', script: 'apk add --no-cache redis || apk add --no-cache valkey', say: 'apk add redis' },
  { program: 'dnf', script: 'dnf install -y valkey || dnf install -y redis', say: 'dnf install -y valkey' },
  { program: 'yum', script: 'yum install -y redis', say: 'yum install -y redis' },
  { program: 'pacman', script: 'pacman -Sy --noconfirm valkey', say: 'pacman -Sy valkey' },
  { program: 'brew', script: 'brew install redis', say: 'brew install redis', withoutRoot: true },
];

const isRoot = () => process.getuid?.() === 0;

const findManager = () => MANAGERS.find(({ program }) => findProgram(program));

/** Installs Redis if this user may; whether that worked shows in what is on PATH afterwards. */
export async function installRedis(log) {
  const manager = findManager();
  // Homebrew refuses to run as root; all the others need it.
  if (!manager || isRoot() === Boolean(manager.withoutRoot)) return;
  log(`no Redis on this machine, installing one: ${manager.say}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const code = await run('sh', ['-c', manager.script], { log: (line) => log(`  ${line}`), env });
  if (code !== 0) log(`${manager.program} ended with code ${code}`);
}

/** What a person has to type on this system. */
export function installHint() {
  const manager = findManager();
  if (!manager) return 'install Redis 6.2 or newer, or start Docker';
  return manager.withoutRoot || isRoot() ? manager.say : `sudo sh -c '${manager.say}'`;
}
