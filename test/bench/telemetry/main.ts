import { benchOptions, takesPart } from '../support/options.js';
import { Report, TOO_LONG } from '../support/report.js';
import type { LoadResult } from '../support/load.js';
import { median } from '../support/statistics.js';
import { startWorker, type Worker } from '../support/worker.js';
import { direct } from './direct.js';
import { LIMITS, TITLES, VARIANTS, type Variant } from './variants.js';

const options = benchOptions();
const report = new Report('telemetry', options);
/** Rounds that alternate between all variants. */
const ROUNDS = options.isQuick ? 5 : 20;
const RUN_MS = options.isQuick ? 200 : 400;
const CONCURRENCY = 64;
const DIRECT_LIMITS_US: Readonly<Record<string, number>> = {
  'no subscriber, a call and side': 0.05,
  'metrics, a call and side': 0.3,
  '/metrics of 100 patterns': 5_000,
};

interface Sides {
  readonly server: Worker;
  readonly client: Worker;
}

/** Microseconds of CPU of one call. */
interface Cost {
  readonly client: number;
  readonly server: number;
}

const file = new URL('side.ts', import.meta.url);
const variants = VARIANTS.filter((variant) => takesPart(options, variant));
const sides = new Map<Variant, Sides>();
const costs = new Map<Variant, Cost[]>(variants.map((variant) => [variant, []]));

async function run({ server, client }: Sides): Promise<Cost> {
  const before = await server.ask<number>('cpu');
  const load = { concurrency: CONCURRENCY, durationMs: RUN_MS };
  const { operations, clientCpuMs } = await client.ask<LoadResult>('load', load);
  const serverCpuMs = (await server.ask<number>('cpu')) - before;
  return { client: (clientCpuMs * 1_000) / operations, server: (serverCpuMs * 1_000) / operations };
}

function directly(): void {
  const rows = Object.entries(direct).map(([what, act]) => {
    const rounds = Array.from({ length: ROUNDS }, act);
    const us = median(rounds.map((one) => one.us));
    const limit = DIRECT_LIMITS_US[what]!;
    const bytes = median(rounds.map((one) => one.bytes));
    return {
      what,
      'CPU, µs': us.toFixed(3),
      'heap, bytes': bytes.toFixed(1),
      'limit, µs': limit,
      verdict: us <= limit ? 'ok' : TOO_LONG,
    };
  });
  report.facts(`by itself, median of ${ROUNDS} rounds`, rows);
}

async function inCalls(): Promise<void> {
  for (const variant of variants) {
    const server = await startWorker(file, { args: ['serve', variant, options.redisUrl] });
    const client = await startWorker(file, { args: ['call', variant, options.redisUrl] });
    sides.set(variant, { server, client });
    for (let warm = 0; warm < 3; warm++) await run(sides.get(variant)!);
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const variant of variants) costs.get(variant)!.push(await run(sides.get(variant)!));
  report.facts(`in a call, c = ${CONCURRENCY}, median of ${ROUNDS} alternating rounds`, variants.map(rowOf));
  for (const { server, client } of sides.values()) await Promise.all([client.stop(), server.stop()]);
}

function rowOf(variant: Variant) {
  const own = costs.get(variant)!;
  const limit = LIMITS[variant];
  const more = (side: keyof Cost) => {
    const others = limit && costs.get(limit.over);
    return others && median(own.map((cost, round) => cost[side] - others[round]![side]));
  };
  const [client, server] = [more('client'), more('server')];
  const most = Math.max(client ?? 0, server ?? 0);
  // What is smaller than this cannot be told from noise here: the direct measurement does.
  const isSeen = client !== undefined && (limit?.us ?? 0) >= 1;
  return {
    variant: TITLES[variant],
    'client, µs': median(own.map((cost) => cost.client)).toFixed(2),
    'server, µs': median(own.map((cost) => cost.server)).toFixed(2),
    'client more': client?.toFixed(2) ?? '',
    'server more': server?.toFixed(2) ?? '',
    'limit, µs': limit?.us ?? '',
    verdict: isSeen ? (most <= limit!.us! ? 'ok' : TOO_LONG) : '',
  };
}

if (options.wants('direct')) directly();
if (options.wants('calls')) await inCalls();
report.end();
