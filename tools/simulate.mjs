/**
 * `npm run simulate -- --seeds 1000 [--from 1] [--processes 2]`: runs whole fleets on virtual time, each from a seed, a minute of
 * their time each, and checks what the library promises. A failure prints one line that repeats it:
 * `npm run simulate -- --seed 4711 [--only f0,m1] [--log | --bytes]`. Ended by SIGINT or SIGTERM, it tells of the seeds it has run.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

import { run } from './command.mjs';
import { ensurePackages, ROOT } from './setup.mjs';

const say = (line) => process.stdout.write(`${line}\n`);
const PROGRAM = [
  '--enable-source-maps',
  '--import',
  '@swc-node/register/esm-register',
  'test/simulation/simulate.process.ts',
];

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    processes: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    seed: { type: 'string' },
    only: { type: 'string' },
    log: { type: 'boolean' },
    bytes: { type: 'boolean' },
  },
});

const broken = new Map();
const ending = new AbortController();
let ran = 0;
let cpuMs = 0;

function heard(text) {
  const line = text.startsWith('{') ? JSON.parse(text) : undefined;
  if (!line) say(text);
  else if (line.shrunk !== undefined) tellShrunk(line);
  else if (line.seed !== undefined) {
    ran++;
    cpuMs += line.cpuMs;
    if (line.violations.length > 0) tellBroken(line);
    else if (values.seed !== undefined)
      say(`seed ${line.seed}: all promises were kept; digest ${line.digest}`);
    else if (ran % 100 === 0) say(`${ran} seeds, ${broken.size} with broken promises`);
  }
}

function tellBroken({ seed, violations }) {
  broken.set(seed, violations);
  say(`\nseed ${seed}: ${violations.length} broken`);
  for (const { rule, what } of violations.slice(0, 5)) say(`  ${rule}: ${what.slice(0, 600)}`);
  say(`  repeat it: npm run simulate -- --seed ${seed}`);
}

function tellShrunk({ shrunk, only, plan, violations }) {
  say(`\nseed ${shrunk}, smaller: ${violations[0].rule}: ${violations[0].what.slice(0, 600)}`);
  say(`  members: ${plan.members.map(({ name }) => name).join(', ')}`);
  for (const fault of plan.faults) say(`  ${JSON.stringify(fault)}`);
  say(`  repeat it: npm run simulate -- --seed ${shrunk} --only ${only} --log`);
}

function start(...args) {
  return run(process.execPath, [...PROGRAM, ...args], {
    cwd: ROOT,
    log: heard,
    signal: ending.signal,
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
}

async function main() {
  await ensurePackages({ log: say });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort());
  const startedAt = performance.now();
  const codes = values.seed === undefined ? await runMany() : [await start(...argumentsOfOne())];
  tellAll((performance.now() - startedAt) / 1_000);
  return (ending.signal.aborted || codes.every((code) => code === 0)) && broken.size === 0;
}

function tellAll(seconds) {
  const early = ending.signal.aborted ? 'ended early: ' : '';
  const cpu = `${(cpuMs / Math.max(1, ran)).toFixed(0)} ms of CPU time each`;
  say(`\n${early}${ran} seeds in ${seconds.toFixed(1)} s (${cpu}), ${broken.size} with broken promises`);
  if (broken.size > 0) say(`broken: ${[...broken.keys()].toSorted((a, b) => a - b).join(', ')}`);
}

function runMany() {
  const [seeds, from, processes] = [values.seeds, values.from, values.processes].map(Number);
  say(`${seeds} seeds from ${from}, in ${processes} processes`);
  const each = Array.from({ length: processes }, (_, index) => Math.ceil((seeds - index) / processes));
  return Promise.all(
    each.map((count, index) => start(String(from + index), String(count), String(processes), '--shrink')),
  );
}

function argumentsOfOne() {
  const flags = ['log', 'bytes'].filter((name) => values[name]).map((name) => `--${name}`);
  return [values.seed, '1', '1', ...flags, ...(values.only === undefined ? [] : ['--only', values.only])];
}

process.exitCode = (await main()) ? 0 : 1;
