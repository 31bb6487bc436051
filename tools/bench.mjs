/**
 * `npm run bench -- rpc|queue|streams|registry|cluster [--json] [--quick] [--only=name,…]`: builds the library, installs the
 * peers, starts a Redis, and compares.
 * `npm run bench -- --compare <commit> [rpc queue streams] [--json] [--limit <percent>] [--minutes <n>]` compares ours
 * with itself at a commit. Method and figures: test/bench/README.md.
 */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildBoth } from './bench-builds.mjs';
import { run } from './command.mjs';
import { commitOf } from './commits.mjs';
import { startRedis } from './redis.mjs';
import { ensurePackages, ROOT } from './setup.mjs';

const FOLDER = join(ROOT, 'test', 'bench');
const COMPARE = join(FOLDER, 'compare', 'run.ts');
const COMPARABLE = ['rpc', 'queue', 'streams'];
const LOADER = ['--import', '@swc-node/register/esm-register'];
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
    return await run(process.execPath, [...LOADER, mainOf(name), ...args], { cwd: ROOT, inherit: true, env });
  } finally {
    await redis.stop();
  }
}

/** Ours at a commit and ours now, in turns. Resolves with the exit code: 1 when a row is beyond `--limit`. */
async function compare(names, { compare: ref, json, limit, minutes }) {
  const commit = await commitOf(ref);
  warnOfLoad();
  await ensurePackages({ log: say });
  const builds = await buildBoth(commit, { log: say });
  const redis = await startRedis({ log: say, ownOnly: true });
  try {
    const folders = ['--ref', ref, '--before', builds.before, '--now', builds.now];
    const bounds = [...(limit ? ['--limit', limit] : []), ...(minutes ? ['--minutes', minutes] : [])];
    const args = [...names, ...folders, ...bounds, ...(json ? ['--json'] : [])];
    const env = { ...process.env, BENCH_REDIS_URL: redis.url, NODE_NO_WARNINGS: '1' };
    return await run(process.execPath, [...LOADER, COMPARE, ...args], { cwd: ROOT, inherit: true, env });
  } finally {
    await redis.stop();
    await builds.remove();
  }
}

/** The load average lags, so it is looked at before anything of ours runs. */
function warnOfLoad() {
  const [load] = loadavg();
  const cores = availableParallelism();
  if (load < cores / 2) return;
  say(
    `The machine is busy: load average ${load.toFixed(1)} on ${cores} cores. Trust CPU a 1,000 operations more than rates.`,
  );
}

function comparison(words) {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      compare: { type: 'string' },
      json: { type: 'boolean', default: false },
      limit: { type: 'string' },
      minutes: { type: 'string' },
    },
  });
  const unknown = positionals.find((name) => !COMPARABLE.includes(name));
  if (unknown) throw new Error(`"${unknown}" cannot be compared, only ${COMPARABLE.join(', ')}`);
  for (const name of ['limit', 'minutes']) {
    const value = values[name];
    if (value !== undefined && !(Number(value) > 0)) throw new Error(`--${name} must be > 0, got "${value}"`);
  }
  return [positionals.length > 0 ? positionals : COMPARABLE, values];
}

async function main([name, ...args]) {
  const words = [name, ...args].filter((word) => word !== undefined);
  if (words.some((word) => word.startsWith('--compare'))) return compare(...comparison(words));
  if (name && existsSync(mainOf(name))) return bench(name, args);
  const names = readdirSync(FOLDER).filter((folder) => existsSync(mainOf(folder)));
  say(`Which one? npm run bench -- ${names.join('|')} [--json] [--quick] [--only=name,…]`);
  say(
    `or         npm run bench -- --compare <commit> [${COMPARABLE.join(' ')}] [--json] [--limit <percent>]`,
  );
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(error.message);
  process.exitCode = 2;
}
