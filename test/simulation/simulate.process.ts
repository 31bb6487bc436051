/**
 * Runs seeds, one after the other, and tells of each in a line of JSON: `simulate.process.ts <from> <count> [<step>]`. With `--log`
 * or `--bytes` it prints what happened, with `--only f0,m1` it runs a part of the plan, with `--shrink` it makes failures smaller.
 * With `--with worker,kill` it runs only the seeds that have these, small worlds first, until one breaks a promise.
 */
import 'reflect-metadata';
import { parseArgs } from 'node:util';

import { planOf } from './faults/plan.js';
import { runSeed, type RunResult } from './run.js';
import { partOf, shrink } from './shrink.js';
import { randomOf } from './world/world.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    log: { type: 'boolean' },
    bytes: { type: 'boolean' },
    shrink: { type: 'boolean' },
    only: { type: 'string' },
    with: { type: 'string' },
  },
});
const [from = 1, count = 1, step = 1] = positionals.map(Number);
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
tell({ ready: true });

for (const seed of seedsToRun()) {
  const plan =
    values.only === undefined ? undefined : partOf(planOf(randomOf(seed, 'plan')), values.only.split(','));
  const startedAt = process.cpuUsage();
  const result = await runSeed(seed, { ...(plan && { plan }), keepsBytes: Boolean(values.bytes) });
  const used = process.cpuUsage(startedAt);
  if (values.log || values.bytes) for (const line of result.log) process.stdout.write(`${line}\n`);
  tell({ ...outcomeOf(result), cpuMs: Math.round((used.user + used.system) / 1_000) });
  if (values.with !== undefined && result.violations.length > 0) break;
  if (values.shrink && result.violations.length > 0) {
    const shrunk = await shrink(result);
    tell({ shrunk: seed, only: shrunk.only, plan: shrunk.result.plan, violations: shrunk.result.violations });
  }
}

function outcomeOf({ seed, digest, violations, happened, log }: RunResult): object {
  return { seed, digest, violations, happened, lines: log.length };
}

function seedsToRun(): number[] {
  const seeds = Array.from({ length: count }, (_, n) => from + n * step);
  if (values.with === undefined) return seeds;
  const wanted = values.with.split(',');
  const sized = seeds.flatMap((seed) => {
    const { members, faults } = planOf(randomOf(seed, 'plan'));
    const words = new Set<string>([...members.map(({ role }) => role), ...faults.map(({ kind }) => kind)]);
    return wanted.every((word) => words.has(word)) ? [{ seed, size: members.length }] : [];
  });
  return sized.toSorted((a, b) => a.size - b.size || a.seed - b.seed).map(({ seed }) => seed);
}
