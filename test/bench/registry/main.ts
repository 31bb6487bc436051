import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { benchOptions } from '../support/options.js';
import { Report, type Facts } from '../support/report.js';
import { median, percentile } from '../support/statistics.js';
import { startWorker } from '../support/worker.js';
import { countSent, measureTraffic } from './traffic.js';

const options = benchOptions();
const report = new Report('registry', options);
const { redisUrl, isQuick } = options;
const workerAt = (file: string) => new URL(file, import.meta.url);
const SIZES = isQuick ? [100, 1_000] : [100, 1_000, 10_000];
const WATCHERS = 3;
const MEASURE_MS = isQuick ? 3_000 : 8_000;

/** One size of the registry, from an empty Redis to the loss of a tenth of it. */
async function measureSize(size: number): Promise<Facts> {
  const fleet = await startWorker(workerAt('./fleet.ts'));
  const watchers = await Promise.all(
    Array.from({ length: WATCHERS }, () => startWorker(workerAt('./watcher.ts'))),
  );
  try {
    await fleet.ask('grow', { to: size });
    await sleep(2_000);
    const alone = await measureTraffic(redisUrl, MEASURE_MS);
    const [first] = watchers;
    const emptyMb = await first!.ask<number>('memory');
    const completeMs: number[] = [];
    for (const watcher of watchers) completeMs.push(await watcher.ask<number>('watch', { expected: size }));
    const fullMb = await first!.ask<number>('memory');
    await sleep(1_500);
    const watched = await measureTraffic(redisUrl, MEASURE_MS);
    const pushMs = await pushDelays(fleet, watchers);
    const dead = await fleet.ask<number>('die', { share: 0.1 });
    const diedAt = performance.timeOrigin + performance.now();
    const left = size + pushMs.length / WATCHERS - dead;
    const knownAt = await Promise.all(
      watchers.map((watcher) => watcher.ask<number>('left', { count: left })),
    );
    return {
      instances: size,
      'commands/s an instance': (alone.commands / size).toFixed(2),
      'bytes/s an instance': Math.round(alone.bytes / size),
      'Redis CPU': `${(alone.cpu * 100).toFixed(1)} %`,
      'commands/s a watcher': ((watched.commands - alone.commands) / WATCHERS).toFixed(1),
      'bytes/s a watcher': Math.round((watched.bytes - alone.bytes) / WATCHERS),
      'complete after': `${median(completeMs).toFixed(0)} ms`,
      'memory an instance': `${(((fullMb - emptyMb) * 1_048_576) / size).toFixed(0)} B`,
      'push p50': `${median(pushMs).toFixed(1)} ms`,
      'push p99': `${percentile(pushMs, 0.99).toFixed(1)} ms`,
      'loss of 10 % known after': `${((Math.max(...knownAt) - diedAt) / 1_000).toFixed(1)} s`,
    };
  } finally {
    await Promise.all([fleet, ...watchers].map((worker) => worker.stop()));
  }
}

/** Joins one by one; how long until each watcher was told, in milliseconds. */
async function pushDelays(
  fleet: Awaited<ReturnType<typeof startWorker>>,
  watchers: readonly Awaited<ReturnType<typeof startWorker>>[],
): Promise<number[]> {
  await Promise.all(watchers.map((watcher) => watcher.ask('heed')));
  const sentAt: number[] = [];
  for (let count = 0; count < (isQuick ? 30 : 100); count++) {
    sentAt.push(await fleet.ask<number>('joinOne'));
    await sleep(20);
  }
  await sleep(500);
  const seen = await Promise.all(watchers.map((watcher) => watcher.ask<number[]>('seen')));
  if (seen.some(({ length }) => length !== sentAt.length)) throw new Error('not every join was seen once');
  return seen.flatMap((instants) => instants.map((at, index) => at - sentAt[index]!));
}

const IDLE_SIZES = [1, 3, 1_000];
const IDLE_PROCESSES = 4;
const IDLE_MS = isQuick ? 5_000 : 30_000;

/** Instances that have nothing to do; few of them with their lists of the others. */
async function measureIdle(size: number): Promise<Facts> {
  const processes = Math.min(size, IDLE_PROCESSES);
  const workers = await Promise.all(
    Array.from({ length: processes }, () => startWorker(workerAt('./idle.ts'))),
  );
  try {
    const isWhole = size < 100;
    await Promise.all(workers.map((worker) => worker.ask('start', { count: size / processes, isWhole })));
    await sleep(5_000);
    const { cpu } = await measureTraffic(redisUrl, IDLE_MS);
    const sent = await countSent(redisUrl, IDLE_MS);
    return {
      'idle instances': size,
      'commands/s an instance': (sent / size).toFixed(2),
      'Redis CPU': `${(cpu * 100).toFixed(1)} %`,
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

/** A look-up by Hydra 1.9 and by ours, the more other keys there are. */
async function compareLooks(): Promise<readonly Facts[]> {
  const redis = new Redis(redisUrl);
  const hydra = await startWorker(workerAt('./hydra-look.ts'));
  const watcher = await startWorker(workerAt('./watcher.ts'));
  const fleet = await startWorker(workerAt('./fleet.ts'));
  await fleet.ask('grow', { to: 10 });
  await watcher.ask('watch', { expected: 10 });
  const facts: Facts[] = [];
  for (const foreign of isQuick ? [0, 10_000] : [0, 10_000, 300_000]) {
    const have = await redis.dbsize();
    const fill = `for i = ARGV[1], ARGV[2] do redis.call('SET', 'foreign:' .. i, 'x') end`;
    for (let from = have; from < foreign; from += 50_000)
      await redis.eval(fill, 0, from, Math.min(from + 50_000, foreign));
    const hydraMs = median(await hydra.ask<number[]>('look', { times: foreign > 100_000 ? 10 : 50 }));
    const oursNs = await watcher.ask<number>('look', { times: 1_000_000 });
    facts.push({
      'foreign keys': foreign,
      'hydra getServicePresence, uncached': `${hydraMs.toFixed(1)} ms`,
      'ours instances()': `${oursNs.toFixed(0)} ns`,
    });
  }
  await Promise.all([hydra, watcher, fleet].map((worker) => worker.stop()));
  redis.disconnect();
  return facts;
}

if (options.wants('size')) {
  const redis = new Redis(redisUrl);
  const facts: Facts[] = [];
  for (const size of SIZES) {
    await redis.flushall();
    facts.push(await measureSize(size));
  }
  redis.disconnect();
  report.facts('a registry of', facts);
}
if (options.wants('look')) report.facts('one look-up among', await compareLooks());
if (options.wants('idle')) {
  const redis = new Redis(redisUrl);
  const facts: Facts[] = [];
  for (const size of IDLE_SIZES) {
    await redis.flushall();
    facts.push(await measureIdle(size));
  }
  redis.disconnect();
  report.facts('nothing to do', facts);
}
report.end();
