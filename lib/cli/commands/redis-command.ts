import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';

import type { Command } from 'commander';

import { CommandFailure, ExitCode } from '../session/command-failure.js';
import { parseCount } from '../session/session.js';
import { untilStopped } from '../session/until-stopped.js';
import { note, print } from '../session/terminal.js';

interface RedisCommandOptions {
  readonly port?: number;
  readonly memory?: boolean;
}

export function addRedisCommand(program: Command): void {
  program
    .command('redis')
    .description(
      'run a Redis until Ctrl-C, for development: redis-server or valkey-server of this machine, else one in memory',
    )
    .option('--port <n>', 'the port on 127.0.0.1 (default: a free one)', parseCount)
    .option('--memory', 'the one in memory in any case')
    .action((options: RedisCommandOptions) => runRedis(options));
}

async function runRedis({ port, memory = false }: RedisCommandOptions): Promise<void> {
  const server = memory ? undefined : (findProgram('redis-server') ?? findProgram('valkey-server'));
  await (server === undefined
    ? runInMemory(port ?? 0, memory)
    : runServer(server, port ?? (await freePort())));
}

async function runInMemory(port: number, isWished: boolean): Promise<void> {
  const { MemoryRedis } = await import('../../testing/memory-redis.js');
  const redis = new MemoryRedis();
  try {
    const url = await redis.listen(port);
    const why = isWished ? '' : 'no redis-server on the PATH: ';
    note(`${why}a Redis in memory, which keeps nothing when it ends`);
    print(url);
    await untilStopped();
  } finally {
    await redis.close();
  }
}

async function runServer(program: string, port: number): Promise<void> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code) => resolve(code ?? 0));
  });
  note(`${program}, which keeps nothing when it ends`);
  print(`redis://127.0.0.1:${port}`);
  const first = await Promise.race([ended, untilStopped()]);
  if (typeof first === 'number')
    throw new CommandFailure(ExitCode.redis, `${program} ended by itself, with code ${first}`);
  child.kill('SIGTERM');
  await ended;
}

function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
