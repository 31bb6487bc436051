/**
 * `npm run bench -- rpc|queue|streams|registry [--json] [--quick] [--only=name,…]`: builds the library, installs the
 * peers, starts a Redis, and compares. Method and figures: test/bench/README.md.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';
import { startRedis } from './redis.mjs';
import { ensurePackages, ROOT } from './setup.mjs';

const FOLDER = join(ROOT, 'test', 'bench');
const mainOf = (name) => join(FOLDER, name, 'main.ts');
// With --json, stdout is for the figures alone.
const say = (line) => process.stderr.write(`${line}\n`);

async function build() {
  const lines = [];
  const code = await run('npm', ['run', '--silent', 'build'], { cwd: ROOT, log: (line) => lines.push(line) });
  if (code !== 0) throw new Error(`the build failed:\n${lines.join('\n')}`);
}

async function bench(name, args) {
  await ensurePackages({ log: say });
  await ensurePackages({ log: say, folder: FOLDER });
  await build();
  // Its commands are counted, so nobody else may use it.
  const redis = await startRedis({ log: say, ownOnly: true });
  try {
    const env = { ...process.env, BENCH_REDIS_URL: redis.url, NODE_NO_WARNINGS: '1' };
    const loader = ['--import', '@swc-node/register/esm-register'];
    return await run(process.execPath, [...loader, mainOf(name), ...args], { cwd: ROOT, inherit: true, env });
  } finally {
    await redis.stop();
  }
}

const [name, ...args] = process.argv.slice(2);
if (name && existsSync(mainOf(name))) process.exitCode = await bench(name, args);
else {
  const names = readdirSync(FOLDER).filter((folder) => existsSync(mainOf(folder)));
  say(`Which one? npm run bench -- ${names.join('|')} [--json] [--quick] [--only=name,…]`);
  process.exitCode = 2;
}
