/**
 * `npm run sample -- 02`: runs one of the folders in sample/ with everything it needs, until it ends or Ctrl-C. Where a
 * sample has no main.ts, each of its *.main.ts is a process; one with specs is tested. With no argument, lists the samples.
 */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.mjs';
import { startAnyRedis } from './redis.mjs';
import { ensurePackages, ROOT } from './setup.mjs';
import { forgetProcess, watchProcess } from './watchdog.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

const folder = join(ROOT, 'sample');
const names = (await readdir(folder)).toSorted();

async function programsOf(name) {
  const files = (await readdir(join(folder, name))).filter((file) => /(^|\.)main\.ts$/.test(file));
  return files.includes('main.ts') ? ['main.ts'] : files.toSorted();
}

function startProgram(file, env) {
  const child = spawn(process.execPath, ['--import', '@swc-node/register/esm-register', file], {
    cwd: ROOT,
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
    stdio: 'inherit',
  });
  watchProcess(child.pid);
  const ended = new Promise((resolve) => {
    child.once('exit', (code) => {
      forgetProcess(child.pid);
      resolve(code ?? 1);
    });
  });
  return { child, ended };
}

/** A sample of tests needs no Redis. */
async function runSpecs(place) {
  say(`These are the tests of ${place}; all but the one of startRedis() need no Redis.`);
  const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--verbose', '--roots', place];
  const env = { ...process.env, NODE_NO_WARNINGS: '1' };
  return run(process.execPath, jest, { cwd: ROOT, inherit: true, env });
}

async function runSample(name) {
  await ensurePackages({ log: say });
  const specs = (await readdir(join(folder, name))).filter((file) => file.endsWith('.spec.ts'));
  if (specs.length > 0) return runSpecs(join('sample', name));
  const redis = await startAnyRedis({ log: say });
  const files = await programsOf(name);
  // First: a signal that came while a program is being started would leave that behind.
  const programs = [];
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      for (const { child } of programs) child.kill('SIGTERM');
    });
  }
  say(`Redis is at ${redis.url}; what to try is in sample/${name}/README.md; Ctrl-C ends it.`);
  for (const file of files)
    programs.push(startProgram(join('sample', name, file), { HYDRA_REDIS_URL: redis.url }));
  const codes = await Promise.all(programs.map(({ ended }) => ended));
  await redis.stop();
  return Math.max(...codes);
}

const wanted = process.argv[2];
const chosen = wanted && names.find((name) => name.startsWith(wanted));
if (chosen) process.exitCode = await runSample(chosen);
else {
  if (wanted) say(`no sample "${wanted}"`);
  say(`npm run sample -- <name>\n\n${names.map((name) => `  ${name}`).join('\n')}`);
  process.exitCode = wanted ? 1 : 0;
}
