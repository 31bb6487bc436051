import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';

const REDIS_TOOL = fileURLToPath(new URL('../../tools/redis.mjs', import.meta.url));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function connectTo(url: string): Promise<Redis> {
  // disconnectTimeout: with its socket already gone, ioredis would wait it out and hold the process open.
  const redis = new Redis(url, {
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    disconnectTimeout: 50,
  });
  redis.on('error', () => undefined);
  await redis.ping();
  return redis;
}

describe("the Redis of a test run's own", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hydra-owner-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends when its owner ends by %s',
    async (signal) => {
      const owner = join(folder, 'owner.mjs');
      await writeFile(
        owner,
        `import { startRedis } from ${JSON.stringify(REDIS_TOOL)};
       const { pid, url } = await startRedis({ log: () => {}, ownOnly: true });
       console.log(JSON.stringify({ ready: true, redisPid: pid, url }));
       setInterval(() => {}, 1000);`,
      );
      const child = startChild(owner);
      const { url } = await child.ready;
      const redis = await connectTo(String(url));
      await child.kill(signal);
      await eventually(() => redis.status !== 'ready', { what: 'the connection to break' });
      redis.disconnect();
    },
  );

  it('comes back on the same port after SIGKILL, empty', async () => {
    const server = await startPrivateRedis();
    const redis = await connectTo(server.url);
    await redis.set('kept', 'no');
    const before = server.pid;
    await server.kill9();
    if (before !== undefined)
      await eventually(() => !isAlive(before), { what: 'the old process to be gone' });
    await server.restart();
    await expect(redis.get('kept')).resolves.toBeNull();
    redis.disconnect();
  });

  it('hangs while it is paused and answers when it is resumed', async () => {
    const server = await startPrivateRedis();
    const redis = await connectTo(server.url);
    await server.pause();
    let answered = false;
    const answer = redis.ping().finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    await server.resume();
    await expect(answer).resolves.toBe('PONG');
    redis.disconnect();
  });
});

describe('the proxy in front of it', () => {
  it('holds everything back while frozen, and loses nothing', async () => {
    const proxy = await startProxy((await startPrivateRedis()).url);
    const redis = await connectTo(proxy.url);
    proxy.freeze();
    let answered = false;
    const answer = redis.ping().finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    proxy.thaw();
    await expect(answer).resolves.toBe('PONG');
    redis.disconnect();
  });

  it('breaks the link once when severed', async () => {
    const proxy = await startProxy((await startPrivateRedis()).url);
    const redis = await connectTo(proxy.url);
    const closed = new Promise((resolve) => redis.once('close', resolve));
    proxy.sever();
    await closed;
    await expect(redis.ping()).resolves.toBe('PONG');
    expect(proxy.connections()).toBe(1);
    redis.disconnect();
  });
});
