/** A program of this repository run as a process of its own, which says it is ready by a JSON line on stdout. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ROOT } from './setup.mjs';
import { forgetProcess, watchProcess } from './watchdog.mjs';

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * Resolves once the program has printed a line with `"ready": true`, and hands that line out as `ready`.
 *
 * @throws Error with the program's output, when it ends or stays silent instead
 */
export async function startTypeScript(file, env) {
  const child = spawn(process.execPath, ['--import', '@swc-node/register/esm-register', file], {
    cwd: ROOT,
    // Its own process group: on Ctrl-C the demo ends its processes in order, instead of all at once.
    detached: true,
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  watchProcess(child.pid);

  let output = '';
  const keep = (text) => (output = `${output}${text}`.slice(-4_000));
  child.stderr.on('data', keep);
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      forgetProcess(child.pid);
      resolve(signal ?? code);
    });
  });

  const kill = (signal) => {
    child.kill(signal);
    return exited;
  };
  const ready = await new Promise((resolve, reject) => {
    const fail = (why) => {
      child.kill('SIGKILL');
      reject(new Error(`${file} ${why}; it wrote:\n${output}`));
    };
    const timer = setTimeout(() => fail(`was not ready within ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS);
    void exited.then((how) => {
      clearTimeout(timer);
      fail(`ended (${how}) before it was ready`);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      keep(`${line}\n`);
      if (!line.startsWith('{"ready":true')) return;
      clearTimeout(timer);
      resolve(JSON.parse(line));
    });
  });

  return {
    pid: child.pid,
    ready,
    exited,
    output: () => output,
    kill,
    /** SIGTERM, and SIGKILL should that not do. */
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await kill('SIGTERM');
      clearTimeout(timer);
    },
  };
}
