/** The Redis in memory of `nestjs-hydra/testing` as a process of its own: for `npm test -- --redis=memory`, and where no Redis can be had. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { ensurePackages, ROOT } from './setup.mjs';
import { forgetProcess, watchProcess } from './watchdog.mjs';

const PROGRAM = ['--import', '@swc-node/register/esm-register', 'test/support/memory-redis.process.ts'];

export async function startMemoryRedis({ log = () => {} } = {}) {
  await ensurePackages({ log });
  const child = spawn(process.execPath, PROGRAM, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  watchProcess(child.pid);
  const [url] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(() => Promise.reject(new Error('the Redis in memory did not start'))),
  ]);
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    forgetProcess(child.pid);
  };
  return { url, stop };
}
