/** A Redis in a Docker container, for machines that have Docker and no Redis of their own. */
import { randomUUID } from 'node:crypto';
import { findProgram, run } from './command.mjs';
import { freePort } from './free-port.mjs';
import { watchContainer } from './watchdog.mjs';

const IMAGE = 'redis:7';
const PULL_TIMEOUT_MS = 180_000;

/** Whether a container can be started: a daemon answers, the image is here or can be fetched, testcontainers loads. */
export async function canUseDocker(log) {
  if (!findProgram('docker')) return false;
  if ((await run('docker', ['info'], { timeoutMs: 10_000 })) !== 0) return false;
  const loads = await import('testcontainers').then(
    () => true,
    () => false,
  );
  if (!loads) return false;
  if ((await run('docker', ['image', 'inspect', IMAGE])) === 0) return true;
  log(`fetching the Docker image ${IMAGE} ...`);
  return (await run('docker', ['pull', IMAGE], { log, timeoutMs: PULL_TIMEOUT_MS })) === 0;
}

export async function startContainer({ port: wantedPort, args = [], log = () => {} }) {
  // The watchdog removes the container; without this, a second image would have to be fetched to do the same.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  const { GenericContainer } = await import('testcontainers');
  const port = wantedPort ?? (await freePort());
  const name = `hydra-redis-${randomUUID()}`;
  watchContainer(name);
  const container = await new GenericContainer(IMAGE)
    .withName(name)
    // A port of Docker's choosing would be another one after a restart.
    .withExposedPorts({ container: 6379, host: port })
    .withCommand(['redis-server', '--save', '', '--appendonly', 'no', ...args])
    .start();
  const host = container.getHost();
  log(`Redis is up in container ${name} on ${host}:${port}`);

  const docker = async (...words) => {
    const code = await run('docker', [...words, name]);
    if (code !== 0) throw new Error(`docker ${words.join(' ')} ${name} ended with code ${code}`);
  };
  return {
    url: `redis://${host}:${port}`,
    port,
    owned: true,
    pid: undefined,
    kill9: () => docker('kill', '--signal', 'KILL'),
    stop: () => docker('rm', '-f', '-v'),
    restart: () => docker('restart', '--time', '2'),
    pause: () => docker('pause'),
    resume: () => docker('unpause'),
  };
}
