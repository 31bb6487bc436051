/** A primary, a replica and three Sentinels on this machine, for tests. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.mjs';
import { findRedis, startRedis } from './redis.mjs';
import { forgetProcess, watchFolder, watchProcess } from './watchdog.mjs';

const NAME = 'main';
const SENTINELS = 3;
const READY_WITHIN_MS = 30_000;

/** Resolves once all Sentinels know the replica and one another: `{ url, location, stop }`. */
export async function startRedisSentinel({ log } = {}) {
  const { binary } = await findRedis({ log });
  if (!binary) throw new Error('Sentinels need a redis-server on PATH');
  const quiet = { ownOnly: true, log: () => {} };
  const primary = await startRedis(quiet);
  const replica = await startRedis({ ...quiet, args: ['--replicaof', '127.0.0.1', String(primary.port)] });
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => startSentinel(binary, primary.port)),
  );
  await Promise.all(sentinels.map(({ port }) => untilKnown(port)));
  log?.(`three Sentinels are up, for the primary on ${primary.port}`);
  const stop = () => Promise.all([...sentinels, primary, replica].map((one) => one.stop()));
  const hosts = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  return { url: primary.url, location: { sentinels: hosts, name: NAME }, stop };
}

async function startSentinel(binary, primaryPort) {
  const folder = await mkdtemp(join(tmpdir(), 'hydra-sentinel-'));
  watchFolder(folder);
  const port = await freePort();
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${NAME} 127.0.0.1 ${primaryPort} 2`,
    `sentinel down-after-milliseconds ${NAME} 5000`,
    '',
  ];
  await writeFile(join(folder, 'sentinel.conf'), lines.join('\n'));
  const args = [join(folder, 'sentinel.conf'), '--sentinel'];
  const child = spawn(binary, args, { stdio: 'ignore', cwd: folder, detached: true });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  watchProcess(child.pid);
  child.once('exit', () => forgetProcess(child.pid));
  child.unref();
  const stop = async () => {
    child.ref();
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  return { port, stop };
}

async function untilKnown(port) {
  const admin = new Redis({ port, retryStrategy: () => 100 }).on('error', () => undefined);
  const endsAt = Date.now() + READY_WITHIN_MS;
  try {
    for (;;) {
      const info = String(await admin.call('INFO', 'sentinel').catch(() => ''));
      if (info.includes(`slaves=1,sentinels=${SENTINELS}`)) return;
      if (Date.now() > endsAt) throw new Error('the Sentinels did not find one another');
      await sleep(100);
    }
  } finally {
    admin.disconnect();
  }
}
