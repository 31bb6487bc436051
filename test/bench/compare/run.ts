/** Started by `npm run bench -- --compare`, with both builds made. */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { isBeyond, verdictOf } from '../support/paired.js';
import { machine } from '../support/report.js';
import { startWorker, type Worker } from '../support/worker.js';
import { compareSubject, type SideName } from './rounds.js';
import { comparedLines } from './table.js';
import { RATE, type Compared } from './rows.js';

const PRECISION = 0.02;
const log = (line: string) => void process.stderr.write(`${line}\n`);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ref: { type: 'string', default: '' },
    before: { type: 'string', default: '' },
    now: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    limit: { type: 'string' },
    minutes: { type: 'string', default: '5' },
  },
});
const redisUrl = process.env['BENCH_REDIS_URL'] ?? '';

/** Two services whose names are as long: neither may answer for the other. */
function startSide(name: SideName, bench: string): Promise<Worker> {
  const file = pathToFileURL(join(values[name], 'test/bench/compare/side.ts'));
  const env = { BENCH_SERVICE: name === 'before' ? 'side-a' : 'side-b' };
  return startWorker(file, { args: [bench, redisUrl], env });
}

async function compareBench(bench: string): Promise<readonly Compared[]> {
  const sides = { before: await startSide('before', bench), now: await startSide('now', bench) };
  const compared: Compared[] = [];
  const bounds = { precision: PRECISION, maxMs: Number(values.minutes) * 60_000, log };
  for (const subject of await sides.now.ask<string[]>('subjects')) {
    compared.push(...(await compareSubject(sides, subject, bounds)));
  }
  await Promise.all([sides.before.stop(), sides.now.stop()]);
  return compared;
}

const all: Compared[] = [];
for (const bench of positionals) all.push(...(await compareBench(bench)));
const rows = all.map((one) => ({ ...one, verdict: verdictOf(one.interval, PRECISION) }));

const limit = values.limit === undefined ? Infinity : Number(values.limit) / 100;
const beyond = all.filter(({ interval, measure }) => isBeyond(interval, limit, measure === RATE));

const out = values.json ? process.stderr : process.stdout;
out.write(`\n${comparedLines(rows, values.ref).join('\n')}\n`);
for (const { row, measure } of beyond)
  out.write(`beyond the limit of ${values.limit} %: ${row}, ${measure}\n`);
if (values.json) {
  const facts = { at: new Date().toISOString(), machine: machine(), loadAverage: loadavg()[0] };
  process.stdout.write(`${JSON.stringify({ compare: values.ref, ...facts, rows })}\n`);
}
if (beyond.length > 0) process.exitCode = 1;
