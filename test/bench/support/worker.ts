import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { forgetProcess, watchProcess } from '../../../tools/watchdog.mjs';

/** A caller or a server of a benchmark: a process of its own that runs commands, see `commands.ts`. */
export interface Worker {
  readonly pid: number;
  /** Resolves with what the command returned; rejects with what it threw, or when the process ends. */
  ask<T = unknown>(command: string, args?: unknown): Promise<T>;
  /** Ends it cleanly. */
  stop(): Promise<void>;
  /** @defaultValue SIGKILL */
  kill(signal?: NodeJS.Signals): void;
}

export interface WorkerOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

const READY_TIMEOUT_MS = 30_000;

/** Starts `file`, a file in a benchmark's folder, and resolves once it is ready. It never outlives this process. */
export async function startWorker(file: URL, { args = [], env }: WorkerOptions = {}): Promise<Worker> {
  const path = fileURLToPath(file);
  const child = fork(path, args, {
    cwd: new URL('../../..', file),
    execArgv: ['--expose-gc', '--import', '@swc-node/register/esm-register'],
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const pid = child.pid!;
  watchProcess(pid);

  const waiting = new Map<number, Waiting>();
  let stderr = '';
  let lastId = 0;
  child.stderr!.on('data', (chunk: Buffer) => (stderr = `${stderr}${chunk.toString()}`.slice(-4_000)));
  const failure = (why: string) => new Error(`${path} ${args.join(' ')} ${why}; it wrote:\n${stderr}`);
  const exited = once(child, 'exit').then(() => {
    forgetProcess(pid);
    for (const { reject } of waiting.values()) reject(failure('ended'));
    waiting.clear();
  });
  child.on('message', ({ id, result, error }: { id?: number; result?: unknown; error?: string }) => {
    const asked = waiting.get(id ?? 0);
    waiting.delete(id ?? 0);
    if (error === undefined) asked?.resolve(result as never);
    else asked?.reject(failure(`failed: ${error}`));
  });

  // The first message is the ready one; it has no id, and neither has this wait.
  const ready = new Promise((resolve, reject) => waiting.set(0, { resolve, reject }));
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_TIMEOUT_MS);
  await ready.finally(() => clearTimeout(timer));

  return {
    pid,
    ask: <T>(command: string, request?: unknown) =>
      new Promise<T>((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, { resolve, reject });
        child.send({ id, command, args: request }, (error) => error && reject(error));
      }),
    async stop() {
      if (child.connected) child.disconnect();
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(late);
    },
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  };
}
