/**
 * `npm run test:consumers`: the packed tarball in real projects, which install, build, start and test it with their own
 * tools. With arguments, only those kinds (`-- nest-11 nest-12`); with `--few`, one of each major version of Nest. Needs
 * npm's registry. The last line is `N passed, N failed`, in steps.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '../../tools/command.mjs';
import { packInto } from '../../tools/pack.mjs';
import { startRedis } from '../../tools/redis.mjs';
import { ensurePackages, ROOT } from '../../tools/setup.mjs';
import { forgetProcess, watchProcess } from '../../tools/watchdog.mjs';
import { FEW, KINDS, NODES } from './kinds.mjs';

const SAMPLE = join(ROOT, 'sample/01-request-reply');
const FILES = join(ROOT, 'test/consumers/files');
const NAME = 'project';
const STEP_TIMEOUT_MS = 240_000;
const READY_TIMEOUT_MS = 30_000;

const say = (line) => process.stdout.write(`${line}\n`);
const total = { passed: 0, failed: 0 };

/** Runs one step and says how it went; what it wrote is shown only when it failed. */
async function step(title, work) {
  const startedAt = performance.now();
  const lines = [];
  let failure;
  try {
    await work((line) => lines.push(line));
  } catch (error) {
    failure = error;
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(`  ${failure ? 'FAILED' : 'ok    '} ${title} (${seconds} s)`);
  total[failure ? 'failed' : 'passed'] += 1;
  if (!failure) return true;
  say([...lines, failure.message].map((line) => `    ${line}`).join('\n'));
  return false;
}

async function command([program, ...words], { cwd, env = {}, log }) {
  const settings = {
    cwd,
    log,
    timeoutMs: STEP_TIMEOUT_MS,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  };
  const code = await run(program, words, settings);
  if (code !== 0) throw new Error(`${[program, ...words].join(' ')} ended with code ${code}`);
}

const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

/** A project as `nest new` makes it, with README's install line typed into it. */
async function makeBase(major, { scratch, tarball }, log) {
  const folder = join(scratch, `made-${major}`);
  await mkdir(folder);
  const words = ['new', NAME, '--skip-git', '--skip-install', '--package-manager', 'npm'];
  await command(['npx', '-y', `@nestjs/cli@${major}`, ...words], { cwd: folder, log });
  const project = join(folder, NAME);
  await command(['npm', 'install', ...QUIET], { cwd: project, log });
  const line = ['npm', 'install', tarball, `@nestjs/microservices@${major}`, ...QUIET];
  await command(line, { cwd: project, log });
  // As docs/testing.md has it.
  await command(['npm', 'install', '--save-dev', 'wasmoon', ...QUIET], { cwd: project, log });
  return project;
}

async function change(path, changes) {
  const before = JSON.parse(await readFile(path, 'utf8'));
  const { compilerOptions, ...rest } = changes;
  const after = { ...before, ...rest };
  if (compilerOptions) after.compilerOptions = { ...before.compilerOptions, ...compilerOptions };
  await writeFile(path, JSON.stringify(after, null, 2));
}

async function place(from, to, { commonJs }) {
  const text = await readFile(from, 'utf8');
  await writeFile(to, commonJs ? text.replaceAll(/(from '\.{1,2}\/.*)\.js'/g, "$1'") : text);
}

/** README's service and gateway, and tests of them. */
async function fill(project, kind) {
  const src = join(project, kind.root ?? '', 'src');
  await place(join(SAMPLE, 'math.main.ts'), join(src, 'main.ts'), kind);
  for (const name of ['math.module.ts', 'gateway.module.ts', 'gateway.main.ts']) {
    await place(join(SAMPLE, name), join(src, name), kind);
  }
  for (const name of ['math.spec.ts', 'services.spec.ts'])
    await place(join(FILES, name), join(src, name), kind);
  const test = join(project, kind.root ?? '', 'test');
  await place(join(FILES, 'sum.e2e-spec.ts'), join(test, 'sum.e2e-spec.ts'), kind);
}

async function prepare(name, kind, { scratch, bases }, log) {
  const project = join(scratch, name);
  await cp(bases[kind.major], project, { recursive: true, verbatimSymlinks: true });
  const common = { cwd: project, log };
  if (kind.install) await command(['npm', 'install', '-D', ...kind.install, ...QUIET], common);
  for (const [file, changes] of Object.entries(kind.set ?? {})) await change(join(project, file), changes);
  if (kind.before) await command(kind.before, common);
  await fill(project, kind);
  return project;
}

/** The folder of what was built. */
async function builtFolder(project, main) {
  const file = await builtMain(project, main);
  return dirname(join(project, file));
}

async function builtMain(project, main) {
  const files = await readdir(join(project, 'dist'), { recursive: true });
  const file = files
    .map((path) => join('dist', path))
    .find((path) => path === main || path === main.replace('dist/', 'dist/src/'));
  if (!file) throw new Error(`the build has not made ${main}`);
  return file;
}

/** Tests what was built with Node's own test runner, which waits for whatever is left open. */
async function testByNode(project, { main }, log) {
  const file = join(await builtFolder(project, main), 'node-test.mjs');
  await cp(join(FILES, 'node-test.mjs'), file);
  await command([process.execPath, '--test', file], { cwd: project, log });
}

/** Starts what was built, finds it with the command line, and ends it with SIGTERM. */
async function start(project, { main }, env, log) {
  const file = await builtMain(project, main);
  const options = {
    cwd: project,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  const child = spawn(process.execPath, [file], options);
  watchProcess(child.pid);
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
  child.stderr.on('data', (text) => log(String(text)));
  try {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('not ready in time')), READY_TIMEOUT_MS);
      void exited.then((how) => {
        clearTimeout(timer);
        reject(new Error(`ended (${how}) before it was ready`));
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        log(line);
        if (!line.startsWith('{"ready":true')) return;
        clearTimeout(timer);
        resolve();
      });
    });
    const found = [];
    await command(['npx', 'nestjs-hydra', '--json', 'nodes', 'math'], {
      cwd: project,
      env,
      log: (l) => found.push(l),
    });
    if (!found.join('').includes(String(child.pid)))
      throw new Error(`the command line does not find process ${child.pid}: ${found.join('')}`);
    child.kill('SIGTERM');
    const how = await exited;
    if (how !== 'SIGTERM' && how !== 0) throw new Error(`ended with ${how} on SIGTERM`);
  } finally {
    child.kill('SIGKILL');
    await exited;
    forgetProcess(child.pid);
  }
}

/** Adds a program, builds the project, and compares what it prints with what it should. */
async function tryProgram(project, kind, { file, install, told }, { env, log }) {
  const common = { cwd: project, log };
  if (install) await command(['npm', 'install', ...install, ...QUIET], common);
  await place(join(FILES, file), join(project, 'src', file), kind);
  await command(kind.build, common);
  const built = await builtMain(project, `dist/${file.replace(/\.ts$/, '.js')}`);
  const said = [];
  const heard = (line) => {
    log(line);
    if (line.startsWith('{')) said.push(line);
  };
  await command([process.execPath, built], { cwd: project, env, log: heard });
  told(JSON.parse(said.at(-1) ?? '{}'));
}

async function tryKind(name, context) {
  const kind = KINDS[name];
  say(`\n=== ${name}`);
  const { env } = context;
  let project;
  const isReady = await step('make the project', async (log) => {
    context.bases[kind.major] ??= await makeBase(kind.major, context, log);
    project = await prepare(name, kind, context, log);
  });
  if (!isReady) return;
  const isBuilt = await step(kind.build.join(' '), (log) => command(kind.build, { cwd: project, log }));
  if (isBuilt) await step(`node ${kind.main}`, (log) => start(project, kind, env, log));
  if (isBuilt && kind.nodeTest) await step('node --test', (log) => testByNode(project, kind, log));
  for (const program of isBuilt ? (kind.programs ?? []) : [])
    await step(program.title, (log) => tryProgram(project, kind, program, { env, log }));
  for (const words of kind.tests) {
    await step(words.join(' '), (log) => command(words, { cwd: project, env, log }));
  }
  await rm(project, { recursive: true, force: true });
}

/** Whoever imports and whoever requires has to meet one copy of the classes. */
async function tryOneCopy(context) {
  say('\n=== import and require');
  const [base] = Object.values(context.bases);
  const file = join(base, 'one-copy.mjs');
  await cp(join(FILES, 'one-copy.mjs'), file);
  for (const node of NODES) {
    const words = ['npx', '-y', '-p', `node@${node}`, '--', 'node', file];
    await step(`give the same classes on Node ${node}`, (log) => command(words, { cwd: base, log }));
  }
}

async function tryAll(words) {
  const given = words.filter((word) => word !== '--few');
  const unknown = given.filter((name) => !(name in KINDS));
  if (unknown.length > 0)
    throw new Error(`no kind ${unknown.join(', ')}; there are ${Object.keys(KINDS).join(', ')}`);
  const few = words.includes('--few') ? FEW : Object.keys(KINDS);
  await ensurePackages({ log: say });
  const scratch = await mkdtemp(join(tmpdir(), 'hydra-consumers-'));
  const redis = await startRedis({ log: say });
  try {
    await step('npm run build', (log) => command([process.execPath, 'tools/build.mjs'], { cwd: ROOT, log }));
    const context = {
      scratch,
      bases: {},
      env: { HYDRA_REDIS_URL: redis.url },
      tarball: await packInto(scratch),
    };
    for (const name of given.length > 0 ? given : few) await tryKind(name, context);
    if (Object.keys(context.bases).length > 0) await tryOneCopy(context);
  } finally {
    await redis.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

try {
  await tryAll(process.argv.slice(2));
} catch (error) {
  say(`\n${error.stack}`);
  total.failed += 1;
}
say(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;
