import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

import { HydraError } from '../../hydra-error.js';

/** How this machine can run a Redis. */
export type RedisProgram =
  | { readonly kind: 'server'; readonly path: string }
  | { readonly kind: 'docker'; readonly path: string; readonly image: string };

const SERVERS = ['redis-server', 'valkey-server'];
/** Images that are used where they are here already. */
const IMAGES = ['redis:7', 'redis:8', 'redis:latest', 'valkey/valkey:latest'];
const DOCKER_TIMEOUT_MS = 10_000;

/**
 * A server program on the PATH, else Docker with an image that is here. Nothing is installed or fetched.
 *
 * @throws HydraError `BAD_OPTION` naming what to install
 */
export function findRedis(path = process.env['PATH'] ?? ''): RedisProgram {
  for (const name of SERVERS) {
    const found = onPath(name, path);
    if (found) return { kind: 'server', path: found };
  }
  const docker = onPath('docker', path);
  const image = docker && IMAGES.find((name) => hasImage(docker, name));
  if (docker && image) return { kind: 'docker', path: docker, image };
  const missing = docker
    ? `Docker has none of ${IMAGES.join(', ')}, or does not answer`
    : 'there is no Docker';
  throw new HydraError(
    'BAD_OPTION',
    `startRedis finds neither ${SERVERS.join(' nor ')} on the PATH, and ${missing}: install one, or "docker pull ${IMAGES[0]}"; a MemoryRedis needs none`,
  );
}

function onPath(name: string, path: string): string | undefined {
  const names = process.platform === 'win32' ? [`${name}.exe`, name] : [name];
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => names.map((file) => join(folder, file)))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function hasImage(docker: string, image: string): boolean {
  const { status } = spawnSync(docker, ['image', 'inspect', image], {
    stdio: 'ignore',
    timeout: DOCKER_TIMEOUT_MS,
  });
  return status === 0;
}
