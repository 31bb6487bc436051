import { Redis } from 'ioredis';

import type { RunningRedis } from '../../tools/redis.mjs';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { Ledger, startConsumer, type Consumer, type ConsumerSettings } from '../support/stream-ledger.js';
import { uniqueService } from '../support/unique.js';

const TTL_MS = 1_000;
const ENTRIES = 20;
const stream = uniqueService('silence');
const service = uniqueService('consumer');
const key = `hydra:stream:${stream}`;
let underTest: RunningRedis;
let redis: Redis;
let ledger: Ledger;
let consumers: readonly Consumer[];
let settings: ConsumerSettings;
let published = 0;

beforeAll(async () => {
  const [first, other] = await Promise.all([
    startPrivateRedis(['--appendonly', 'yes', '--appendfsync', 'always']),
    startPrivateRedis(),
  ]);
  underTest = first;
  redis = new Redis(underTest.url);
  redis.on('error', () => undefined);
  atEnd(() => redis.disconnect());
  ledger = new Ledger(other.url);
  const presence = { intervalMs: 300, ttlMs: TTL_MS };
  settings = {
    service,
    stream,
    redis: underTest.url,
    ledger: other.url,
    options: { presence, streams: { claimIdleMs: 1_500 } },
  };
  consumers = await Promise.all([1, 2, 3].map(() => startConsumer(settings)));
}, 30_000);

afterAll(() => Promise.all(consumers.map((consumer) => consumer.kill())));

async function publish(ms: number): Promise<readonly number[]> {
  const entries = Array.from({ length: ENTRIES }, () => ++published);
  for (const n of entries)
    await redis.xadd(key, '*', 'hydra', '1', 'data', JSON.stringify({ key: 't', n, ms }));
  return entries;
}

/** How often each entry was begun, and on which attempts, once all have ended. */
async function begunOnce(entries: readonly number[]): Promise<void> {
  const of = async (what: string) =>
    (await ledger.lines()).filter((line) => line.what === what && entries.includes(line.n));
  const ended = async () => new Set((await of('end')).map(({ n }) => n)).size === entries.length;
  await eventually(ended, { what: 'all to end', timeoutMs: 20_000 });
  await eventually(async () => ((await redis.xpending(key, service)) as [number])[0] === 0, {
    what: 'all to be acknowledged',
    timeoutMs: 10_000,
  });
  const begun = await of('begin');
  expect(begun.filter(({ attempt }) => attempt > 1)).toEqual([]);
  expect(begun).toHaveLength(entries.length);
}

async function allBegun(entries: readonly number[]): Promise<void> {
  const begun = async () => (await ledger.lines()).filter((l) => l.what === 'begin' && entries.includes(l.n));
  await eventually(async () => (await begun()).length === entries.length, { what: 'all to begin' });
}

const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('what living instances have in hand', () => {
  it.each<[what: string, act: () => Promise<void>]>([
    [
      'Redis stood still for twice presence.ttlMs',
      async () => {
        await underTest.pause();
        await pass(2 * TTL_MS);
        await underTest.resume();
      },
    ],
    [
      'Redis was killed and away for twice presence.ttlMs',
      async () => {
        await underTest.kill9();
        await pass(2 * TTL_MS);
        await underTest.restart();
      },
    ],
  ])('stays theirs when %s', async (_what, act) => {
    const entries = await publish(5 * TTL_MS);
    await allBegun(entries);
    await act();
    await begunOnce(entries);
  });

  it('is begun by others once its owner has died', async () => {
    const entries = await publish(3 * TTL_MS);
    await allBegun(entries);
    await consumers[0]!.kill('SIGKILL');
    const taken = async () =>
      (await ledger.lines()).filter((l) => l.what === 'begin' && l.attempt > 1 && entries.includes(l.n));
    await eventually(async () => (await taken()).length > 0, { what: 'the others', timeoutMs: 10_000 });
  });
});

describe('what a foreign consumer has in hand', () => {
  it('is not idle because Redis stood still', async () => {
    const other = { ...settings, stream: `${stream}-foreign` };
    const theirs = `hydra:stream:${stream}-foreign`;
    await redis.xgroup('CREATE', theirs, service, '$', 'MKSTREAM');
    await redis.xadd(theirs, '*', 'hydra', '1', 'data', JSON.stringify({ key: 'f', n: 1 }));
    await redis.xreadgroup('GROUP', service, 'stranger', 'STREAMS', theirs, '>');
    const consumer = await startConsumer(other);
    await underTest.pause();
    await pass(2_000);
    await underTest.resume();
    await redis.ping();
    const resumedAt = Date.now();
    const begun = () => ledger.counts().then((counts) => counts.get('begin f 1') ?? 0);
    await eventually(begun, { what: 'the claim', timeoutMs: 10_000 });
    // Its idle time began anew.
    expect(Date.now() - resumedAt).toBeGreaterThan(1_200);
    await consumer.kill();
  });
});
