import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { startRedis } from '../../lib/testing/testing.js';
import { findRedis } from '../../lib/testing/real/find-redis.js';
import { findProgram } from '../../tools/command.mjs';
import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (isUp: boolean) => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
  });
}

async function ask(url: string, ...command: [string, ...string[]]): Promise<unknown> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  await client.connect();
  const answer = await client.call(...command);
  client.disconnect();
  return answer;
}

/** A folder with programs of these names, for a PATH. */
async function folderWith(programs: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hydra-path-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
}

async function withPath<T>(path: string, act: () => Promise<T>): Promise<T> {
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  try {
    return await act();
  } finally {
    process.env['PATH'] = before;
  }
}

describe('startRedis', () => {
  it('starts a server with its arguments, and ends it', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '10mb'] });
    atEnd(() => redis.stop());
    expect(await ask(redis.url, 'CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '10485760']);
    await Promise.all([redis.stop(), redis.stop()]);
    expect(await isListening(redis.port)).toBe(false);
  });

  it('ends a server that is frozen', async () => {
    const redis = await startRedis();
    const [, pid] = /process_id:(\d+)/.exec(String(await ask(redis.url, 'INFO', 'server')))!;
    process.kill(Number(pid), 'SIGSTOP');
    await redis.stop();
    await eventually(async () => !(await isListening(redis.port)), { what: 'it to be gone' });
  });

  it('ends with the process that has started it, also when that is killed', async () => {
    const child = startChild('test/support/start-redis.process.ts');
    const { port } = (await child.ready) as { port: number };
    expect(await isListening(port)).toBe(true);
    await child.kill('SIGKILL');
    await eventually(async () => !(await isListening(port)), {
      what: 'the end of the Redis',
      timeoutMs: 10_000,
    });
  });

  it('says which port is taken', async () => {
    const redis = await startRedis();
    atEnd(() => redis.stop());
    await expect(startRedis({ port: redis.port })).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      message: expect.stringContaining(`did not start at port ${redis.port}`) as string,
    });
    expect(await ask(redis.url, 'PING')).toBe('PONG');
  });

  it('takes valkey-server where there is no redis-server', async () => {
    const folder = await folderWith({
      'valkey-server': `#!/bin/sh\nexec ${findProgram('redis-server')} "$@"\n`,
    });
    expect(findRedis(folder)).toEqual({ kind: 'server', path: join(folder, 'valkey-server') });
    const redis = await withPath(folder, () => startRedis());
    atEnd(() => redis.stop());
    expect(await ask(redis.url, 'PING')).toBe('PONG');
  });

  it('takes Docker with an image that is here, and never fetches one', async () => {
    // As Docker would: what runs in the container listens at the port of the machine.
    const docker = `#!${process.execPath}
const { spawn } = require('node:child_process');
const words = process.argv.slice(2);
if (words[0] === 'image') process.exit(words[2] === 'redis:8' ? 0 : 1);
if (words[0] !== 'run' || !words.join(' ').includes('--pull never')) process.exit(2);
const [, port] = /127\\.0\\.0\\.1:(\\d+):6379/.exec(words.join(' '));
const args = words.slice(words.indexOf('redis-server') + 1);
const child = spawn('${findProgram('redis-server')}', ['--port', port, ...args], { stdio: 'ignore' });
process.on('SIGTERM', () => child.kill());
child.on('exit', () => process.exit());
`;
    const folder = await folderWith({ docker });
    expect(findRedis(folder)).toEqual({ kind: 'docker', path: join(folder, 'docker'), image: 'redis:8' });
    const redis = await withPath(folder, () => startRedis());
    atEnd(() => redis.stop());
    expect(await ask(redis.url, 'PING')).toBe('PONG');
    await redis.stop();
    await eventually(async () => !(await isListening(redis.port)), { what: 'the end of the container' });
  });

  it.each([
    ['nothing', {}, 'there is no Docker'],
    ['a Docker without an image', { docker: '#!/bin/sh\nexit 1\n' }, 'Docker has none of redis:7'],
  ])('says what to install where there is %s', async (_, programs, expected) => {
    const folder = await folderWith(programs);
    await expect(withPath(folder, () => startRedis())).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining(expected) as string,
    });
  });

  it('refuses options that it does not know', async () => {
    await expect(startRedis({ prot: 1 } as never)).rejects.toThrow('did you mean "port"?');
    await expect(startRedis({ port: 0 })).rejects.toThrow('port of startRedis');
  });
});
