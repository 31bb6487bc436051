import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { forgetProcess, watchProcess } from '../../tools/watchdog.mjs';
import { atEnd } from './at-end.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export type ChildLine = Record<string, unknown>;

export interface Child {
  readonly pid: number;
  /** The first line with `"ready": true`; rejects with what the child wrote to stderr if it ends before. */
  readonly ready: Promise<ChildLine>;
  /** Code and signal, once it has ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Every JSON line the child has printed so far. */
  readonly lines: readonly ChildLine[];
  /** All other output so far: stderr, and stdout lines that are not JSON. */
  output(): string;
  onLine(listener: (line: ChildLine) => void): void;
  /** Sends one JSON line to the child's stdin. */
  send(line: ChildLine): void;
  /** Resolves once the process has ended, except for SIGSTOP and SIGCONT. @defaultValue SIGKILL */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

export interface ChildOptions {
  env?: Record<string, string>;
  args?: string[];
  /** @defaultValue 60000 */
  readyTimeoutMs?: number;
}

/**
 * The same program as JavaScript, where the whole suite has been compiled: it starts in half the time, and there are
 * hundreds of starts.
 */
function compiledTwin(file: string): string | undefined {
  const compiled = process.env['HYDRA_TEST_COMPILED'];
  const place = isAbsolute(file) ? relative(ROOT, file) : file;
  if (!compiled || !place.startsWith('test/') || !place.endsWith('.ts')) return undefined;
  const twin = join(compiled, place.replace(/\.ts$/, '.js'));
  // A test may write programs of its own.
  return existsSync(twin) ? twin : undefined;
}

/** Runs a TypeScript (or .mjs) program as a process of its own, which speaks in JSON lines on stdout. */
export function startChild(
  file: string,
  { env, args = [], readyTimeoutMs = 60_000 }: ChildOptions = {},
): Child {
  const program = compiledTwin(file) ?? file;
  const loader = program.endsWith('.ts') ? ['--import', '@swc-node/register/esm-register'] : [];
  const child = spawn(process.execPath, ['--enable-source-maps', ...loader, program, ...args], {
    cwd: ROOT,
    // jest's own flags (--experimental-vm-modules) are no business of the child's.
    env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`cannot start ${process.execPath} for ${file}`);
  watchProcess(pid);

  const lines: ChildLine[] = [];
  const listeners: ((line: ChildLine) => void)[] = [];
  let output = '';
  child.stdin.on('error', () => undefined);
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = parse(text);
    if (!line) output += `${text}\n`;
    else {
      lines.push(line);
      for (const listener of listeners) listener(line);
    }
  });

  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => {
      forgetProcess(pid);
      resolve({ code, signal });
    });
  });
  const ready = new Promise<ChildLine>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${file} ${why}; it wrote:\n${output.slice(-4_000)}`));
    const timer = setTimeout(() => fail(`was not ready within ${readyTimeoutMs} ms`), readyTimeoutMs);
    listeners.push((line) => line['ready'] === true && resolve(line));
    void exited.then(({ code, signal }) => fail(`ended (${signal ?? code}) before it was ready`));
    // Settling twice does nothing, but the timer would hold the process open.
    listeners.push((line) => line['ready'] === true && clearTimeout(timer));
    void exited.then(() => clearTimeout(timer));
  });
  // A test that never looks at `ready` must not be failed by it.
  ready.catch(() => undefined);

  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await exited;
  };
  atEnd(() => kill('SIGKILL'));

  return {
    pid,
    ready,
    exited,
    lines,
    output: () => output,
    onLine: (listener) => void listeners.push(listener),
    send: (line) => void child.stdin.write(`${JSON.stringify(line)}\n`),
    kill,
  };
}

function parse(text: string): ChildLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as ChildLine;
  } catch {
    return undefined;
  }
}
