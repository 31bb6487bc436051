/**
 * `npm run test:matrix`: the jest suites on other versions of Node and of Nest, each in a copy of the repository.
 * With arguments, jest runs with those: `npm run test:matrix -- test/unit`.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './command.mjs';
import { startRedis } from './redis.mjs';
import { ensurePackages, ROOT } from './setup.mjs';
import { formatMs, tableLines } from './terminal.mjs';

const say = (line) => process.stdout.write(`${line}\n`);
const SUITES = ['test/unit', 'test/integration', 'test/interop', 'test/chaos'];

const LANES = [
  { name: 'Node 22, Nest 12', node: '22' },
  { name: 'Node 24, Nest 12', node: '24' },
  { name: `Node ${process.versions.node}, Nest 11.1`, nest: '~11.1.4' },
];

/** Packages with versions of their own: those that go with Nest 11. The command line tool goes with any. */
const OTHER_REPOSITORIES = { '@nestjs/config': '^4.0.0', '@nestjs/terminus': '^11.0.0' };

/** The folder to test in; for another Nest a copy with that Nest installed, since it would spoil node_modules here. */
async function prepare({ nest }, scratch) {
  if (!nest) return ROOT;
  const copy = join(scratch, 'repository');
  const files = [];
  const words = ['ls-files', '--cached', '--others', '--exclude-standard'];
  await run('git', words, { cwd: ROOT, log: (line) => files.push(line) });
  for (const file of files) {
    await mkdir(dirname(join(copy, file)), { recursive: true });
    await cp(join(ROOT, file), join(copy, file));
  }
  await chooseNest(copy, nest);
  say(`installing Nest ${nest} ...`);
  const code = await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: copy,
    log: say,
  });
  if (code !== 0) throw new Error(`npm install of Nest ${nest} ended with code ${code}`);
  return copy;
}

async function chooseNest(copy, nest) {
  const path = join(copy, 'package.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  for (const name of Object.keys(manifest.devDependencies)) {
    if (name in OTHER_REPOSITORIES) manifest.devDependencies[name] = OTHER_REPOSITORIES[name];
    else if (name.startsWith('@nestjs/') && name !== '@nestjs/cli') manifest.devDependencies[name] = nest;
  }
  await writeFile(path, JSON.stringify(manifest, null, 2));
  // It pins the other version.
  await rm(join(copy, 'package-lock.json'), { force: true });
}

async function test({ name, node }, folder, { redisUrl, scratch, args }) {
  const report = join(scratch, `${name.replaceAll(/\W+/g, '-')}.json`);
  const flags = [
    '--experimental-vm-modules',
    'node_modules/jest/bin/jest.js',
    '--json',
    `--outputFile=${report}`,
  ];
  // One process: the lanes compare behaviour, and chaos suites may not run side by side. Node 22 and 24 then count a timer
  // of some finished file as alive, though no timer, socket or other handle is left, and would wait for it for ever; a file
  // that leaves a connection open fails, see test/support/environment.mjs.
  const jest = [...flags, '--runInBand', '--forceExit', '--passWithNoTests', ...args];
  const [program, ...words] = node
    ? ['npx', '-y', '-p', `node@${node}`, '--', 'node', ...jest]
    : [process.execPath, ...jest];
  const env = { ...process.env, NODE_NO_WARNINGS: '1', HYDRA_TEST_REDIS_URL: redisUrl };
  const code = await run(program, words, { cwd: folder, env, inherit: true });
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(
    await readFile(report, 'utf8'),
  );
  return { code, passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites };
}

async function runLane(lane, context) {
  say(`\n=== ${lane.name}`);
  const startedAt = performance.now();
  // What one lane's processes leave, such as an office that is held a while longer, is not to be found by the next.
  const redis = await startRedis({ log: say });
  let outcome;
  try {
    outcome = await test(lane, await prepare(lane, context.scratch), { ...context, redisUrl: redis.url });
  } catch (error) {
    say(error.stack);
    outcome = { code: 1, passed: 0, failed: 0 };
  } finally {
    await redis.stop();
  }
  const verdict = outcome.code === 0 ? 'ok' : 'FAILED';
  return [
    lane.name,
    verdict,
    String(outcome.passed),
    String(outcome.failed),
    formatMs(performance.now() - startedAt),
  ];
}

await ensurePackages({ log: say });
const scratch = await mkdtemp(join(tmpdir(), 'hydra-matrix-'));
const chosen = process.argv.slice(2);
const context = { scratch, args: chosen.length > 0 ? chosen : SUITES };
const rows = [];
try {
  for (const lane of LANES) rows.push(await runLane(lane, context));
} finally {
  await rm(scratch, { recursive: true, force: true });
}
say(`\n${tableLines([['lane', 'result', 'passed', 'failed', 'time'], ...rows]).join('\n')}`);
process.exitCode = rows.every(([, verdict]) => verdict === 'ok') ? 0 : 1;
