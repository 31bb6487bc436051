import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from '../support/ioredis.js';
import { benchOptions, takesPart } from '../support/options.js';
import { Report } from '../support/report.js';
import { compare, type Contestant } from '../support/rounds.js';
import { Contender } from './contender.js';
import { DailyUse } from './daily-use.js';
import { LIMIT_MS, scriptTimes } from './script-times.js';

const PEERS: Readonly<Record<string, string>> = {
  ours: 'ours',
  BullMQ: 'bullmq',
  'Hydra 1.9': 'hydra',
  'floor, singly': 'floor-singly',
  'floor, batched': 'floor-batched',
};
const RIVALS = ['BullMQ', 'floor, batched'];

const options = benchOptions();
const { redisUrl, runMs, rounds, isQuick } = options;
const report = new Report('queue', options);
const redis = new Redis(redisUrl);

const contenders: Contender[] = [];
const parts = ['add', 'handle', 'pickup', 'memory', 'backlog', 'daily', 'events', 'idle'];
const isContest = parts.some((part) => options.wants(part));
for (const [name, file] of Object.entries(PEERS)) {
  if (isContest && takesPart(options, name)) contenders.push(await Contender.start(name, file, redisUrl));
}

async function compareAll(title: string, contestants: readonly Contestant[]): Promise<void> {
  report.compared(title, await compare(contestants, { redisUrl, rounds }), RIVALS);
}

/** Each run begins with an empty Redis: what was added before must not count in the next. */
async function adding(): Promise<void> {
  const run = (add: 'add' | 'addBulk', concurrency: number): Contestant[] =>
    contenders.map((contender) => ({
      name: contender.name,
      run: async () => {
        const result = await contender[add]({ concurrency, durationMs: runMs });
        await redis.flushall();
        return result;
      },
    }));
  await compareAll('add, 50 at once', run('add', 50));
  await compareAll('addBulk of 500, 1 at once', run('addBulk', 1));
}

async function handling(concurrency: number): Promise<void> {
  const count = isQuick ? 5_000 : 20_000;
  await redis.flushall();
  const consumers = await Promise.all(contenders.map((contender) => contender.consumer(concurrency)));
  const contestants = contenders.map((contender, index) => ({
    name: contender.name,
    run: () => contender.handle(consumers[index]!, count),
    prepare: () => contender.fill(count),
  }));
  await compareAll(`handle ${count} no-op jobs, concurrency ${concurrency}`, contestants);
  await Promise.all(consumers.map((consumer) => consumer.stop()));
}

/** Added at a fixed rate, whether or not they are picked up. */
async function pickUp(title: string, perS: number, count: number): Promise<void> {
  const facts = [];
  for (const contender of contenders) {
    if (contender.name.startsWith('floor')) continue;
    await redis.flushall();
    const consumer = await contender.consumer(50);
    for (const warmsUp of [true, false]) {
      await consumer.ask('expect', { count });
      await contender.producer.ask('addAtRate', { count, perS });
      const latencies = await consumer.ask<Record<string, number>>('latencies', { count });
      if (!warmsUp) facts.push({ queue: contender.name, ...rounded(latencies) });
    }
    await consumer.stop();
  }
  report.facts(title, facts);
}

async function memory(): Promise<void> {
  const count = isQuick ? 10_000 : 50_000;
  const facts = [];
  for (const contender of contenders) {
    await redis.flushall();
    const before = await usedMemory();
    await contender.fill(count);
    facts.push({ queue: contender.name, 'bytes a job': Math.round(((await usedMemory()) - before) / count) });
  }
  await redis.flushall();
  report.facts(`Redis memory, ${count} jobs waiting`, facts);
}

/** A backlog must not make a queue slow. */
async function backlog(): Promise<void> {
  const waiting = isQuick ? 100_000 : 1_000_000;
  const count = isQuick ? 5_000 : 20_000;
  const facts = [];
  for (const contender of contenders) {
    if (!['ours', 'floor, batched'].includes(contender.name)) continue;
    await redis.flushall();
    const consumer = await contender.consumer(50);
    const startedAt = performance.now();
    await contender.fill(waiting);
    const fillMs = performance.now() - startedAt;
    await consumer.ask('expect', { count });
    const takenFrom = performance.now();
    while ((await contender.producer.ask<number>('waiting')) > waiting - count) await sleep(2);
    const perS = Math.round((count / (performance.now() - takenFrom)) * 1_000);
    consumer.kill();
    facts.push({
      queue: contender.name,
      'added per s': Math.round((waiting / fillMs) * 1_000),
      'handled per s': perS,
    });
  }
  await redis.flushall();
  report.facts(`${waiting} jobs waiting, concurrency 50`, facts);
}

async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

function rounded(latencies: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(latencies).map(([name, ms]) => [name, ms.toFixed(2)]));
}

if (options.wants('add')) await adding();
if (options.wants('handle')) for (const concurrency of [1, 50, 200]) await handling(concurrency);
if (options.wants('pickup')) {
  await pickUp('pick-up while idle, 100 jobs/s', 100, isQuick ? 50 : 300);
  await pickUp('pick-up under load, 5,000 jobs/s', 5_000, isQuick ? 3_000 : 15_000);
}
if (options.wants('memory')) await memory();
if (options.wants('backlog')) await backlog();
const alike = contenders.filter(({ name }) => name === 'ours' || name === 'BullMQ');
const dailyUse = new DailyUse(options, report, alike);
if (options.wants('daily')) await dailyUse.daily();
if (options.wants('events')) await dailyUse.events();
if (options.wants('idle')) await dailyUse.idle();
dailyUse.close();
await Promise.all(contenders.map((contender) => contender.stop()));
if (options.wants('scripts')) {
  report.facts(`script times, at most ${LIMIT_MS} ms`, await scriptTimes(redisUrl, isQuick));
}
redis.disconnect();
report.end();
