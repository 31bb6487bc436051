/**
 * The one place tests, demo and benchmarks get a Redis from, tried in this order: the one in REDIS_URL, a server
 * program on PATH, Docker, the system's package manager; for demo and samples at last the one in memory. `node tools/redis.mjs`
 * starts one and keeps it until Ctrl-C.
 */
import { pathToFileURL } from 'node:url';
import { findProgram } from './command.mjs';
import { canUseDocker, startContainer } from './redis-container.mjs';
import { startMemoryRedis } from './memory-redis.mjs';
import { installHint, installRedis } from './redis-install.mjs';
import { startServer } from './redis-server.mjs';

const toStderr = (line) => process.stderr.write(`${line}\n`);

/** With HYDRA_NO_REDIS=1 it is as on a machine that has neither Redis nor Docker, and where none may be installed. */
const isBare = () => process.env.HYDRA_NO_REDIS === '1';

const findServer = () =>
  isBare() ? undefined : (findProgram('redis-server') ?? findProgram('valkey-server'));

class NoRedisError extends Error {}

let found;

/**
 * How this machine can run a Redis of our own: `{ kind: 'server', binary }` or `{ kind: 'docker' }`. Looked for once.
 *
 * @throws Error naming the command to type, when there is none and none could be installed
 */
export function findRedis({ log = toStderr } = {}) {
  found ??= search(log);
  return found;
}

async function search(log) {
  const present = findServer();
  if (present) return { kind: 'server', binary: present };
  if (!isBare()) {
    if (await canUseDocker(log)) return { kind: 'docker' };
    await installRedis(log);
  }
  const installed = findServer();
  if (installed) return { kind: 'server', binary: installed };
  throw new NoRedisError(
    `No Redis on this machine. Type: ${installHint()}\nor set REDIS_URL to one that is running.`,
  );
}

/** As {@link startRedis}, and where none can be had, the one in memory. Says which it is. */
export async function startAnyRedis(options = {}) {
  const { log = toStderr } = options;
  try {
    const redis = await startRedis(options);
    if (!redis.owned) log(`using the Redis of REDIS_URL, ${redis.url}`);
    return redis;
  } catch (error) {
    if (!(error instanceof NoRedisError)) throw error;
    const redis = await startMemoryRedis({ log });
    log(`no Redis here and none can be installed: using the one in memory, at ${redis.url}`);
    return redis;
  }
}

/**
 * Starts a Redis and resolves once it answers. It ends with this process, however that ends.
 *
 * With REDIS_URL set, that Redis is handed out and never stopped, unless `ownOnly` asks for one that may be killed.
 */
export async function startRedis({ port, args, dir, log = toStderr, ownOnly = false } = {}) {
  if (process.env.REDIS_URL && !ownOnly) return foreignRedis(process.env.REDIS_URL);
  const { kind, binary } = await findRedis({ log });
  if (kind === 'docker') return startContainer({ port, args, log });
  return startServer({ binary, port, args, dir, log });
}

function foreignRedis(url) {
  const refuse = async () => {
    throw new Error(`${url} comes from REDIS_URL and is not ours to stop; ask startRedis for ownOnly`);
  };
  return {
    url,
    port: Number(new URL(url).port || 6379),
    owned: false,
    pid: undefined,
    stop: async () => {},
    kill9: refuse,
    restart: refuse,
    pause: refuse,
    resume: refuse,
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const redis = await startRedis();
  process.stdout.write(`${redis.url}\n`);
  const stay = setInterval(() => {}, 60_000);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      clearInterval(stay);
      void redis.stop();
    });
  }
}
