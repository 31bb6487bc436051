/**
 * Runs seeds, one after the other, and tells of each in a line of JSON: `simulate.process.ts <from> <count> [<step>]`. With `--log`
 * or `--bytes` it prints what happened, with `--only f0,m1` it runs a part of the plan, with `--shrink` it makes failures smaller.
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
  },
});
const [from = 1, count = 1, step = 1] = positionals.map(Number);
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
tell({ ready: true });

for (let n = 0; n < count; n++) {
  const seed = from + n * step;
  const plan =
    values.only === undefined ? undefined : partOf(planOf(randomOf(seed, 'plan')), values.only.split(','));
  const startedAt = process.cpuUsage();
  const result = await runSeed(seed, { ...(plan && { plan }), keepsBytes: Boolean(values.bytes) });
  const used = process.cpuUsage(startedAt);
  if (values.log || values.bytes) for (const line of result.log) process.stdout.write(`${line}\n`);
  tell({ ...outcomeOf(result), cpuMs: Math.round((used.user + used.system) / 1_000) });
  if (values.shrink && result.violations.length > 0) {
    const shrunk = await shrink(result);
    tell({ shrunk: seed, only: shrunk.only, plan: shrunk.result.plan, violations: shrunk.result.violations });
  }
}

function outcomeOf({ seed, digest, violations, happened, log }: RunResult): object {
  return { seed, digest, violations, happened, lines: log.length };
}
