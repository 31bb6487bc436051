/** The Redis in memory of `nestjs-hydra/testing` as a process of its own: for `npm test -- --redis=memory`, and where no Redis can be had. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from './free-port.mjs';
import { ensurePackages, ROOT } from './setup.mjs';
import { forgetProcess, watchProcess } from './watchdog.mjs';

const PROGRAM = 'test/support/memory-redis.process';
const STOP_TIMEOUT_MS = 2_000;

/** As `startServer` of redis-server.mjs, with settings instead of a command line. */
export async function startMemoryRedis({ port, args = [], log = () => {} } = {}) {
  await ensurePackages({ log });
  const ownPort = port ?? (await freePort());
  let running = await launch(ownPort, args);

  async function end(signal) {
    const { child, exited } = running;
    child.ref();
    child.kill(signal);
    const late = sleep(STOP_TIMEOUT_MS, 'late', { ref: false });
    // A stopped (SIGSTOP) process does not hear SIGTERM.
    if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
    await exited;
  }

  return {
    url: `redis://127.0.0.1:${ownPort}`,
    port: ownPort,
    owned: true,
    get pid() {
      return running.child.pid;
    },
    stop: () => end('SIGTERM'),
    kill9: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM');
      running = await launch(ownPort, args);
    },
    async pause() {
      running.child.kill('SIGSTOP');
    },
    async resume() {
      running.child.kill('SIGCONT');
    },
  };
}

/** The same program as JavaScript, where the whole suite has been compiled. */
function programWords() {
  const compiled = process.env.HYDRA_TEST_COMPILED;
  if (compiled) return [join(compiled, `${PROGRAM}.js`)];
  return ['--import', '@swc-node/register/esm-register', `${PROGRAM}.ts`];
}

async function launch(port, args) {
  const child = spawn(process.execPath, [...programWords(), String(port), ...args], {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  watchProcess(child.pid);
  child.once('exit', () => forgetProcess(child.pid));
  await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(() => Promise.reject(new Error('the Redis in memory did not start'))),
  ]);
  child.unref();
  child.stdout.unref();
  return { child, exited };
}
