/**
 * `npm test`: everything a change has to pass. With arguments (`npm test -- test/unit/keys.spec.ts -t name`) only
 * jest runs, with those arguments. `--redis=memory` runs the integration suites on the Redis in memory, and compares what fails
 * there with test/support/not-on-memory.json.
 * `--redis=cluster` and `--redis=sentinel` run the integration suites that ask for `testRedis()` on a Cluster of three, and behind
 * three Sentinels; `--redis=tls` runs them with mutual TLS, and `--redis=acl` with a user for each application, which has the
 * rights that are generated for it, and no other: what Redis then refuses fails the run. `npm run test:all` (`--all`) adds what takes long: `test/long`, and
 * every kind of project in `test/consumers`. `test/browser` is no part of either: `npm run test:browser`. The end names each test that failed, with the beginning of its error; the last line is
 * always `N passed, N failed`, in tests.
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import config from '../jest.config.mjs';
import { findProgram, run } from './command.mjs';
import { JestRuns } from './jest-runs.mjs';
import { ensurePromtool } from './promtool-install.mjs';
import { KINDS, startKind, suitesForTopology, TOPOLOGIES } from './redis-kinds.mjs';
import { ensurePackages, ROOT } from './setup.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

const scratch = await mkdtemp(join(tmpdir(), 'hydra-test-'));
const COMPILED = join(scratch, 'compiled');
const MAY_BE_EMPTY = ['--passWithNoTests'];
/** Suites that reckon on no time of their own, and need much of the processors: they run beside those of chaos. */
const PATIENT =
  '/test/(unit|conformance)/|/test/integration/(acl|cli|config|doctor|errors|first-hour|generators|hydra-test|key-layout|memory|queue-bytes|refused|sample|simulation|streams-rights|tls|unknown|virtual-time)';
/** A third of what other steps get: with less, what waits for seconds of the clock would wait in vain. */
const LOW = 5;
const LOWEST = 19;
/** Of a step that wrote nothing until its end: what is said again at the very end, when it failed. */
const LAST_LINES = 20;
const failedSteps = [];
const lastLines = [];
const runs = new JestRuns(scratch);

async function step(title, work, { isBeside = false } = {}) {
  if (!isBeside) say(`\n=== ${title}`);
  const startedAt = performance.now();
  const passed = await work();
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(`=== ${title}: ${passed ? 'ok' : 'FAILED'} (${seconds} s)`);
  if (!passed) failedSteps.push(title);
}

/** A step beside others, which come first: what it says comes at its end. */
function stepBeside(title, priority, start) {
  const lines = [];
  const work = async () => {
    const passed = await start({ priority, log: (line) => lines.push(line) });
    for (const line of lines) say(line);
    if (!passed) lastLines.push(...lines.slice(-LAST_LINES));
    return passed;
  };
  return step(title, work, { isBeside: true });
}

const lint = async (options) =>
  (await run('npm', ['run', '--silent', 'lint'], { cwd: ROOT, ...options })) === 0;

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

/** Leaves suites out, beside those that jest.config.mjs leaves out. Folders come before: jest takes what follows for more of them. */
function without(suites) {
  return [...config.testPathIgnorePatterns, suites].flatMap((pattern) => [
    '--testPathIgnorePatterns',
    pattern,
  ]);
}

/** ACL LOG: what a user of the run lacked a right for. */
async function isEmpty(refused) {
  const lines = await refused();
  for (const line of lines) say(`refused: ${line}`);
  return lines.length === 0;
}

async function main(words) {
  let linted;
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
  if (args.length === 0) {
    // It takes what time of the processors the other steps leave.
    linted = stepBeside('lint, format, build, package', LOWEST, lint);
    await step('types', compile);
  }

  const { env, stop, refused } = await startKind(kind, { log: say });
  if (args.length > 0) {
    // Chaos suites take processes and links down; two at a time would starve each other on a small machine.
    const serially = args.some((arg) => /chaos|long/.test(arg)) ? ['--runInBand'] : [];
    const chosen = ['chosen', [...serially, ...args], env];
    await step('jest', () => (kind === 'memory' ? runs.runInMemory(...chosen, say) : runs.run(...chosen)));
  } else {
    env.HYDRA_TEST_COMPILED = COMPILED;
    const waiting = [...MAY_BE_EMPTY, 'test/integration', 'test/interop', ...without(PATIENT)];
    await step('integration, interop', () => runs.run('most', waiting, env));
    // See tools/matrix.mjs for why the end is forced.
    const serially = [...MAY_BE_EMPTY, '--runInBand', '--forceExit'];
    // They wait most of the time, and leave one processor free.
    const beside = stepBeside('unit, conformance, the other integration', LOW, (options) =>
      runs.run('patient', [...MAY_BE_EMPTY, '--maxWorkers=2', PATIENT], env, options),
    );
    await step('chaos', () => runs.run('chaos', [...serially, 'test/chaos'], env));
    await beside;
    await linted;
    say('\nNot part of this: the dashboard in a browser, npm run test:browser');
    if (isAll) await step('long', () => runs.run('long', [...serially, 'test/long'], env));
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
if (failedSteps.length > 0) {
  say(`\nfailed: ${failedSteps.join('; ')}`);
  for (const line of [...lastLines, ...runs.failures]) say(line);
}
say(`${failedSteps.length > 0 ? '' : '\n'}${runs.passed} passed, ${runs.failed} failed`);
process.exitCode = failedSteps.length > 0 ? 1 : 0;
