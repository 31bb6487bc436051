/**
 * `npm run test:browser`: the pages of the dashboard in a headless Chromium, on real services. Takes `CHROMIUM`, else the one on the
 * PATH, else installs Debian's, as root. Arguments go to jest.
 */
import { run, findProgram } from './command.mjs';
import { startRedis } from './redis.mjs';
import { ensurePackages, ROOT } from './setup.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

/** @throws Error where there is none and none can be installed */
async function chromium() {
  const found = process.env.CHROMIUM ?? findProgram('chromium') ?? findProgram('chromium-browser');
  if (found) return found;
  if (process.getuid?.() !== 0 || !findProgram('apt-get'))
    throw new Error('no Chromium: install one, and name it in CHROMIUM');
  await run('apt-get', ['update'], { inherit: true });
  await run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { inherit: true });
  const installed = findProgram('chromium');
  if (installed) return installed;
  throw new Error('apt-get has installed no chromium');
}

await ensurePackages({ log: say });
const CHROMIUM = await chromium();
const redis = await startRedis({ log: say });
try {
  const words = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--runInBand'];
  const args = process.argv.length > 2 ? process.argv.slice(2) : ['test/browser'];
  const env = {
    ...process.env,
    ...{ CHROMIUM, HYDRA_TEST_REDIS_URL: redis.url, NODE_NO_WARNINGS: '1' },
  };
  process.exitCode = await run(process.execPath, [...words, ...args], { cwd: ROOT, inherit: true, env });
} finally {
  await redis.stop();
}
