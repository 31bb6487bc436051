import type { LoadResult } from '../support/load.js';
import { benchOptions, takesPart } from '../support/options.js';
import { Report } from '../support/report.js';
import { compare, type Contestant } from '../support/rounds.js';
import { Consumers, startPublisher } from './backlog.js';
import { LIMIT_MS, scriptTimes } from './script-times.js';

const options = benchOptions();
const { redisUrl, rounds, runMs, isQuick } = options;
const report = new Report('streams', options);

const PEERS: Readonly<Record<string, string>> = {
  ours: 'ours',
  'ours, a key each': 'ours-ordered',
  floor: 'floor',
  'Moleculer channels': 'moleculer',
};
const files = Object.entries(PEERS).filter(([name]) => takesPart(options, name));
const RIVALS = ['floor', 'Moleculer channels'];
const ENTRIES = isQuick ? 10_000 : 50_000;
const LAG = 1_000_000;

async function comparePublishing(concurrency: number): Promise<void> {
  const publishers = await Promise.all(
    files
      .filter(([, file]) => file !== 'ours-ordered')
      .map(async ([name, file]) => ({ name, worker: await startPublisher(file, redisUrl) })),
  );
  const contestants = publishers.map(({ name, worker }) => ({
    name,
    run: () => worker.ask<LoadResult>('publish', { concurrency, durationMs: runMs }),
  }));
  report.compared(`publish, c = ${concurrency}`, await compare(contestants, { redisUrl, rounds }), RIVALS);
  await Promise.all(publishers.map(({ worker }) => worker.stop()));
}

async function compareConsuming(consumers: number): Promise<void> {
  const contestants: (Contestant & { stop(): Promise<void> })[] = [];
  for (const [name, file] of files) {
    const started = await Consumers.start(file, consumers, redisUrl);
    await started.reset();
    contestants.push({ name, run: () => started.catchUp(ENTRIES), stop: () => started.stop() });
  }
  const title = `consume ${ENTRIES}, ${consumers} consumer${consumers > 1 ? 's' : ''}`;
  report.compared(title, await compare(contestants, { redisUrl, rounds }), RIVALS);
  for (const contestant of contestants) await contestant.stop();
}

async function measureDelays(): Promise<void> {
  const facts = [];
  for (const [name, file] of files) {
    const consumers = await Consumers.start(file, 1, redisUrl);
    const publisher = await startPublisher(file, redisUrl);
    await consumers.reset();
    facts.push({
      'publish to handler, ms': name,
      ...(await consumers.delays(publisher, isQuick ? 100 : 1_000)),
    });
    await Promise.all([consumers.stop(), publisher.stop()]);
  }
  report.facts('one entry every 5 ms', facts);
}

async function measureLag(): Promise<void> {
  const consumers = await Consumers.start('ours', 4, redisUrl);
  await consumers.reset();
  const { elapsedMs } = await consumers.catchUp(LAG);
  const perSecond = Math.round((LAG / elapsedMs) * 1_000);
  report.facts(`a lag of ${LAG}`, [
    { 'four consumers': 'ours', seconds: (elapsedMs / 1_000).toFixed(1), 'per s': perSecond },
  ]);
  await consumers.stop();
}

if (options.wants('publish')) for (const concurrency of [1, 64]) await comparePublishing(concurrency);
if (options.wants('consume')) for (const consumers of [1, 4]) await compareConsuming(consumers);
if (options.wants('delay')) await measureDelays();
if (options.wants('lag') && !isQuick && takesPart(options, 'ours')) await measureLag();
if (options.wants('scripts')) {
  report.facts(`script times, at most ${LIMIT_MS} ms`, await scriptTimes(redisUrl, isQuick));
}
report.end();
