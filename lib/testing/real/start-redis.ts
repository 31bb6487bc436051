import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { HydraError } from '../../hydra-error.js';
import { integer, refuseUnknown, type NamesOf } from '../../hydra-options.js';
import { systemClock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/waiting.js';
import { findRedis, type RedisProgram } from './find-redis.js';

const START_TRIES = 5;
const READY_TIMEOUT_MS = 20_000;
const LOOK_EVERY_MS = 20;
/** How long a server that was asked to stop may take. */
const KILL_AFTER_MS = 3_000;
const STOP_TIMEOUT_MS = 5_000;
/** How much is kept of what it says. */
const MAX_SAID = 1_000;
const MAX_PORT = 65_535;

/** @publicApi */
export interface StartRedisOptions {
  /** The port of 127.0.0.1 that it listens at. @defaultValue a free one */
  readonly port?: number;
  /** Further arguments of the server: `['--maxmemory', '10mb']`. @defaultValue none */
  readonly args?: readonly string[];
}

const NAMES = { port: true, args: true } satisfies NamesOf<StartRedisOptions>;

/** A real Redis of a test. @publicApi */
export interface StartedRedis {
  /** Where it is: `redis://127.0.0.1:…`. */
  readonly url: string;
  readonly port: number;
  /** What runs it: the path of the program. */
  readonly program: string;
  /** Ends it, with all its data. Idempotent. */
  stop(): Promise<void>;
  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a real Redis for a test: `redis-server` or `valkey-server` on the PATH, else a container of an image that Docker
 * has. It keeps nothing on disk and ends with this process, however that ends. Nothing is installed or fetched.
 *
 * @throws HydraError `BAD_OPTION` for an unknown option, and where none is found, with what to install;
 *   `REDIS_UNAVAILABLE` when it does not start
 *
 * @publicApi
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<StartedRedis> {
  refuseUnknown('startRedis', options, NAMES);
  const { port, args = [] } = options;
  if (port !== undefined) integer('port of startRedis', port, 1, MAX_PORT);
  const program = findRedis();
  for (let tryNo = 1; ; tryNo++) {
    const chosen = port ?? (await freePort());
    const started = await launch(program, chosen, args);
    if (!(started instanceof HydraError)) return started;
    // A port found free can be taken before Redis binds it.
    if (port !== undefined || tryNo === START_TRIES) throw started;
  }
}

async function launch(
  program: RedisProgram,
  port: number,
  args: readonly string[],
): Promise<StartedRedis | HydraError> {
  const folder = await mkdtemp(join(tmpdir(), 'hydra-redis-'));
  const child = watched(commandOf(program, { port, folder, args }), folder);
  let said = '';
  child.stderr?.on('data', (text) => (said = `${said}${String(text)}`.slice(-MAX_SAID)));
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      said += String(error);
      resolve();
    });
  });
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= end(child, exited, folder));
  const isOurs = (text: string) =>
    text.startsWith('-NOAUTH') ||
    (text.startsWith('*') && (program.kind === 'docker' || text.includes(basename(folder))));
  if (await isUp(child, port, isOurs))
    return {
      url: `redis://127.0.0.1:${port}`,
      port,
      program: program.path,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  await stop();
  const why = said.trim() || 'it says nothing';
  return new HydraError('REDIS_UNAVAILABLE', `${program.path} did not start at port ${port}: ${why}`);
}

interface Launch {
  readonly port: number;
  readonly folder: string;
  readonly args: readonly string[];
}

function commandOf(program: RedisProgram, { port, folder, args }: Launch): string[] {
  const memoryOnly = ['--save', '', '--appendonly', 'no', '--loglevel', 'warning', ...args];
  if (program.kind === 'server')
    return [program.path, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...memoryOnly];
  const name = program.image.includes('valkey') ? 'valkey-server' : 'redis-server';
  const container = ['run', '--rm', '--pull', 'never', '--init', '-p', `127.0.0.1:${port}:6379`];
  return [program.path, ...container, program.image, name, ...memoryOnly];
}

/**
 * Ends the program when this process has ended in whatever way: then the pipe that it holds closes. It is a process of its
 * own, so that Ctrl-C lets clients drain first.
 */
const WATCH = `
const { spawn } = require('node:child_process');
const [program, ...args] = process.argv.slice(1);
const child = spawn(program, args, { stdio: ['ignore', 2, 2] });
const end = () => {
  child.kill('SIGTERM');
  // One that is frozen hears nothing else.
  setTimeout(() => child.kill('SIGKILL'), ${KILL_AFTER_MS});
};
process.stdin.on('end', end).on('error', end).resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
child.on('error', (error) => { process.stderr.write(String(error)); process.exit(1); });
child.on('exit', () => process.exit());
`;

function watched(command: readonly string[], folder: string): ChildProcess {
  const child = spawn(process.execPath, ['-e', WATCH, '--', ...command], {
    cwd: folder,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  // It must not keep this process alive.
  child.unref();
  for (const stream of [child.stdin, child.stderr]) (stream as Partial<{ unref(): void }> | null)?.unref?.();
  child.stdin?.on('error', () => undefined);
  return child;
}

async function end(child: ChildProcess, exited: Promise<void>, folder: string): Promise<void> {
  child.ref();
  child.stdin?.end();
  const late = systemClock.setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS, { ref: true });
  await exited;
  systemClock.clear(late);
  await rm(folder, { recursive: true, force: true });
}

/** Another Redis may answer at a port that was free a moment ago. */
async function isUp(child: ChildProcess, port: number, isOurs: (text: string) => boolean): Promise<boolean> {
  const deadline = systemClock.monotonic() + READY_TIMEOUT_MS;
  while (child.exitCode === null && child.signalCode === null && systemClock.monotonic() < deadline) {
    if (isOurs(await answer(port))) return true;
    await sleep(systemClock, LOOK_EVERY_MS, { ref: true });
  }
  return false;
}

/** What a Redis says its folder is; '' where there is none. */
function answer(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('CONFIG GET dir\r\n'));
    const done = (text: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(1_000, () => done(''));
    socket.on('error', () => done(''));
    socket.on('close', () => done(''));
    socket.on('data', (text) => done(String(text)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
