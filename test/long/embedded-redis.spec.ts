import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Redis } from 'ioredis';

import { findRedis } from '../../tools/redis.mjs';
import { forgetProcess, watchProcess } from '../../tools/watchdog.mjs';
import { atEnd } from '../support/at-end.js';
import { buildLibrary } from '../support/built.js';
import { eventually } from '../support/eventually.js';

interface Running {
  readonly child: ChildProcess;
  readonly texts: { out: string; err: string };
  readonly ended: Promise<unknown[]>;
}

function start(args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const environment = { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1', ...env };
  const child = spawn(process.execPath, args, { env: environment });
  watchProcess(child.pid!);
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString()));
  const ended = once(child, 'close');
  atEnd(async () => {
    child.kill('SIGKILL');
    await ended;
    forgetProcess(child.pid!);
  });
  return { child, texts, ended };
}

async function versionAt({ texts }: Running): Promise<string> {
  const url = await eventually(() => /redis:\/\/\S+/.exec(texts.out)?.[0], {
    what: 'the URL',
    timeoutMs: 60_000,
  });
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => 50 });
  client.on('error', () => undefined);
  atEnd(() => client.disconnect());
  await eventually(() => client.ping().catch(() => false), { what: 'a PONG', timeoutMs: 20_000 });
  return /redis_version:\S+|valkey_version:\S+/.exec(await client.info('server'))?.[0] ?? '';
}

let main: string;

function command(args: readonly string[], env: Readonly<Record<string, string>>): Running {
  return start([main, 'redis', ...args], env);
}

async function stop({ child, ended }: Running): Promise<unknown> {
  child.kill('SIGTERM');
  return (await ended)[0];
}

describe('nestjs-hydra redis', () => {
  beforeAll(async () => {
    main = join(await buildLibrary(), 'cli', 'main.js');
  });

  it('is one in memory where no server is on the PATH, and says so', async () => {
    const running = command([], { PATH: '/nonexistent' });
    expect(await versionAt(running)).toBe('redis_version:7.0.15');
    expect(running.texts.err).toContain(
      'no redis-server on the PATH: a Redis in memory, which keeps nothing when it ends',
    );
    expect(await stop(running)).toBe(0);
  });

  it('is a server of the PATH where there is one, and says so', async () => {
    const route = await findRedis({ log: () => undefined });
    if (route.kind !== 'server') return;
    const running = command([], { PATH: join(route.binary, '..') });
    expect(await versionAt(running)).toMatch(/_version:/);
    expect(running.texts.err).toContain(`${route.binary}, which keeps nothing when it ends`);
    expect(await stop(running)).toBe(0);
  });

  it('refuses a port that is taken, in one sentence', async () => {
    const first = command(['--memory'], {});
    await versionAt(first);
    const port = new URL(first.texts.out.trim()).port;
    const second = command(['--memory', '--port', port], {});
    expect((await second.ended)[0]).not.toBe(0);
    expect(second.texts.err.trim()).toMatch(new RegExp(`EADDRINUSE.*${port}$`));
  });
});

describe('demo and samples', () => {
  const program = `
    const { startAnyRedis } = await import(${JSON.stringify(pathToFileURL('tools/redis.mjs').href)});
    const redis = await startAnyRedis();
    process.stdout.write(redis.url);
    process.once('SIGTERM', () => void redis.stop());
  `;

  it('use the one in memory where none is and none can be installed, and say so', async () => {
    const args = ['--input-type=module', '-e', program];
    const running = start(args, { HYDRA_NO_REDIS: '1', REDIS_URL: '' });
    expect(await versionAt(running)).toBe('redis_version:7.0.15');
    expect(running.texts.err).toContain(
      'no Redis here and none can be installed: using the one in memory, at redis://',
    );
    expect(await stop(running)).toBe(0);
  });

  /** As on a machine that has Node and nothing else. */
  const bare = { HYDRA_NO_REDIS: '1', REDIS_URL: '', PATH: dirname(process.execPath) };

  it('lose no call on it while an instance is killed and another joins: npm run demo', async () => {
    const { texts, ended } = start(['tools/demo.mjs'], bare);
    const [code] = await ended;
    expect({ code, out: texts.out.slice(-1_000) }).toEqual({
      code: 0,
      out: expect.stringMatching(/ lost 0\n.*failed 0 +wrong 0 .*\n/),
    });
    expect(texts.out).toContain('using the one in memory, at redis://');
  });

  it('start on it, and leave no process behind when they are ended while they start: npm run sample -- 02', async () => {
    const { child, texts, ended } = start(['tools/sample.mjs', '02'], bare);
    await eventually(() => /using the one in memory[^]*Redis is at redis:/.test(texts.out), {
      what: 'the sample to say where its Redis is',
      timeoutMs: 30_000,
    });
    child.kill('SIGTERM');
    await ended;
  });
});
