/**
 * `npm test`: everything a change has to pass. With arguments (`npm test -- test/unit/keys.spec.ts -t name`) only
 * jest runs, with those arguments. `--redis=memory` runs the integration suites on the Redis in memory, and compares what fails
 * there with test/support/not-on-memory.json.
 * `--redis=cluster` and `--redis=sentinel` run the integration suites that ask for `testRedis()` on a Cluster of three, and behind
 * three Sentinels; `--redis=tls` runs them with mutual TLS, and `--redis=acl` with a user for each application, which has the
 * rights that are generated for it, and no other: what Redis then refuses fails the run. `npm run test:all` (`--all`) adds what takes long: `test/long`, and
 * every kind of project in `test/consumers`. The last line is always
 * `N passed, N failed`, in tests.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, run } from './command.mjs';
import { compareWithList } from './memory-list.mjs';
import { startMemoryRedis } from './memory-redis.mjs';
import { startRedisAcl } from './redis-acl.mjs';
import { startRedisCluster } from './redis-cluster.mjs';
import { startRedisSentinel } from './redis-sentinel.mjs';
import { startRedisTls } from './redis-tls.mjs';
import { ensurePromtool } from './promtool-install.mjs';
import { startRedis } from './redis.mjs';
import { ensurePackages, ROOT } from './setup.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

const scratch = await mkdtemp(join(tmpdir(), 'hydra-test-'));
const COMPILED = join(scratch, 'compiled');
const TOPOLOGIES = ['cluster', 'sentinel', 'tls', 'acl'];
const KINDS = ['memory', ...TOPOLOGIES];
const failedSteps = [];
const total = { passed: 0, failed: 0 };

async function step(title, work, { isBeside = false } = {}) {
  if (!isBeside) say(`\n=== ${title}`);
  const startedAt = performance.now();
  const passed = await work();
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(`=== ${title}: ${passed ? 'ok' : 'FAILED'} (${seconds} s)`);
  if (!passed) failedSteps.push(title);
}

/** A step beside others: what it says comes at its end. */
function stepBeside(title, script) {
  const lines = [];
  const work = async () => {
    const code = await run('npm', ['run', '--silent', script], {
      cwd: ROOT,
      log: (line) => lines.push(line),
    });
    for (const line of lines) say(line);
    return code === 0;
  };
  return step(title, work, { isBeside: true });
}

const npmScript = async (...words) => (await run('npm', ['run', '--silent', ...words], inRoot())) === 0;

const inRoot = (env = {}) => ({ cwd: ROOT, inherit: true, env: { ...process.env, ...env } });

/** Checks the types, and leaves everything as JavaScript beside the packages, for the processes that the suites start. */
async function compile() {
  await mkdir(COMPILED);
  await writeFile(join(COMPILED, 'package.json'), '{"type":"module"}');
  await symlink(join(ROOT, 'node_modules'), join(COMPILED, 'node_modules'));
  const flags = ['--noEmit', 'false', '--declaration', 'false', '--outDir', COMPILED];
  return (await run(process.execPath, ['node_modules/typescript/bin/tsc', ...flags], inRoot())) === 0;
}

async function jest(name, args, env) {
  const report = join(scratch, `${name}.json`);
  const flags = [
    '--experimental-vm-modules',
    'node_modules/jest/bin/jest.js',
    '--json',
    `--outputFile=${report}`,
  ];
  const code = await run(process.execPath, [...flags, ...args], inRoot({ NODE_NO_WARNINGS: '1', ...env }));
  const counts = await readCounts(report);
  total.passed += counts.passed;
  // A jest that broke before it could report, or that failed on something other than a test, must not look green.
  total.failed += code !== 0 && counts.failed === 0 ? 1 : counts.failed;
  return code === 0;
}

/** As {@link jest}, on the Redis in memory: what is listed with its reason has to fail there. */
async function jestInMemory(args, env) {
  const counted = { ...total };
  await jest('chosen', args, env);
  Object.assign(total, counted);
  const { wrong, passed, listed, share } = await compareWithList(join(scratch, 'chosen.json'));
  for (const line of wrong) say(line);
  say(`in memory ${passed} tests pass, ${(share * 100).toFixed(1)} %; ${listed} are listed with reasons`);
  total.passed += passed;
  total.failed += wrong.length;
  return wrong.length === 0;
}

async function readCounts(report) {
  try {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(
      await readFile(report, 'utf8'),
    );
    return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

/** Where the suites find their Redis, in the environment, and how it ends. */
async function startFor(kind) {
  if (kind === 'cluster') {
    const cluster = await startRedisCluster({ log: say });
    const location = JSON.stringify({ cluster: cluster.seeds });
    const env = { HYDRA_TEST_REDIS_URL: cluster.nodes[0].url, HYDRA_TEST_REDIS: location };
    return { env, stop: () => cluster.stop() };
  }
  if (kind === 'sentinel') {
    const sentinel = await startRedisSentinel({ log: say });
    const location = JSON.stringify(sentinel.location);
    return {
      env: { HYDRA_TEST_REDIS_URL: sentinel.url, HYDRA_TEST_REDIS: location },
      stop: () => sentinel.stop(),
    };
  }
  if (kind === 'tls' || kind === 'acl') {
    const redis = await (kind === 'tls' ? startRedisTls({ log: say }) : startRedisAcl({ log: say }));
    const env = { HYDRA_TEST_REDIS_URL: redis.url, HYDRA_TEST_REDIS: JSON.stringify(redis.location) };
    if (kind === 'acl') env.HYDRA_TEST_ACL = '1';
    return { env, stop: () => redis.stop(), refused: redis.refused };
  }
  const redis = kind === 'memory' ? await startMemoryRedis() : await startRedis({ log: say });
  const env = { HYDRA_TEST_REDIS_URL: redis.url, ...(kind === 'memory' && { HYDRA_TEST_PRIVATE: 'memory' }) };
  return { env, stop: () => redis.stop() };
}

/** The integration suites that take any form of Redis: those that ask for `testRedis()`, and for no URL. */
async function suitesForTopology(kind) {
  const folder = join(ROOT, 'test', 'integration');
  const skipped = JSON.parse(await readFile(join(ROOT, 'test', 'support', 'not-on-topologies.json'), 'utf8'));
  const suites = [];
  for (const file of (await readdir(folder)).toSorted()) {
    const text = file.endsWith('.spec.ts') ? await readFile(join(folder, file), 'utf8') : '';
    if (!text.includes('testRedis()') || skipped[kind]?.[file]) continue;
    suites.push(`test/integration/${file}`);
  }
  return suites;
}

/** ACL LOG: what a user of the run lacked a right for. */
async function isEmpty(refused) {
  const lines = await refused();
  for (const line of lines) say(`refused: ${line}`);
  return lines.length === 0;
}

async function main(words) {
  const isAll = words.includes('--all');
  const kind = words.find((word) => word.startsWith('--redis='))?.slice('--redis='.length);
  if (kind !== undefined && !KINDS.includes(kind))
    throw new Error(`--redis=${kind}: one of ${KINDS.join(', ')} is needed`);
  let args = words.filter((word) => word !== '--all' && !word.startsWith('--redis='));
  if (args.length === 0 && TOPOLOGIES.includes(kind)) args = await suitesForTopology(kind);
  await ensurePackages({ log: say });
  if (isAll) await ensurePromtool({ log: say });
  // There a Redis of a test's own is a process of ours, too.
  if (kind === 'memory') {
    if (args.length === 0) args = ['test/integration'];
    await step('types', compile);
    process.env.HYDRA_TEST_COMPILED = COMPILED;
  }
  if (args.length === 0) await step('types', compile);

  const { env, stop, refused } = await startFor(kind);
  if (args.length > 0) {
    // Chaos suites take processes and links down; two at a time would starve each other on a small machine.
    const serially = args.some((arg) => /chaos|long/.test(arg)) ? ['--runInBand'] : [];
    const runJest = kind === 'memory' ? jestInMemory : (...given) => jest('chosen', ...given);
    await step('jest', () => runJest([...serially, ...args], env));
  } else {
    env.HYDRA_TEST_COMPILED = COMPILED;
    const folders = ['test/unit', 'test/integration', 'test/interop', 'test/conformance'];
    await step('unit, integration, interop', () => jest('most', ['--passWithNoTests', ...folders], env));
    // See tools/matrix.mjs for why the end is forced.
    const serially = ['--passWithNoTests', '--runInBand', '--forceExit'];
    // They wait most of the time, and leave one processor free.
    const lint = stepBeside('lint, format, build, package', 'lint');
    await step('chaos', () => jest('chaos', [...serially, 'test/chaos'], env));
    await lint;
    if (isAll) await step('long', () => jest('long', [...serially, 'test/long'], env));
  }
  if (refused) await step('nothing is refused', () => isEmpty(refused));
  await stop();
  if (isAll) await step('consumers', () => npmScript('test:consumers'));
}

try {
  if (!findProgram('npm')) throw new Error('npm is not on PATH');
  await main(process.argv.slice(2));
} catch (error) {
  say(`\n${error.stack}`);
  failedSteps.push('setup');
} finally {
  await rm(scratch, { recursive: true, force: true });
}
say(failedSteps.length > 0 ? `\nfailed: ${failedSteps.join('; ')}` : '');
say(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = failedSteps.length > 0 ? 1 : 0;
