import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';
import {
  Ledger,
  startConsumer,
  type Consumer,
  type LedgerLine,
  type StreamTask,
} from '../support/stream-ledger.js';
import { uniqueService } from '../support/unique.js';

const IS_FULL = process.env['HYDRA_CHAOS'] === 'full';
const KILLS = IS_FULL ? 100 : 4;
const CONSUMERS = 3;
const KEYS = 30;

/** How long the first attempt of an entry takes that the victim of a kill is chosen by. */
const HELD_MS = 30_000;

const keyOf = (index: number) => `k${index % KEYS}`;

describe('consumers that are killed', () => {
  const stream = uniqueService('events');
  let ledger: Ledger;
  let redis: Redis;
  let lines: LedgerLine[];
  let published = 0;
  let startedAt: number;

  beforeAll(async () => {
    startedAt = performance.now();
    const [underTest, other] = await Promise.all([startPrivateRedis(), startPrivateRedis()]);
    ledger = new Ledger(other.url);
    redis = new Redis(underTest.url);
    atEnd(() => redis.disconnect());
    const settings = {
      service: uniqueService('consumer'),
      stream,
      redis: underTest.url,
      ledger: other.url,
      handler: { orderBy: 'key', concurrency: 20, attempts: 100 },
    };
    const start = () => startConsumer(settings);

    const publisher = new AbortController();
    const consumers: Consumer[] = await Promise.all(Array.from({ length: CONSUMERS }, start));
    const publish = async (task: StreamTask) => {
      published++;
      await redis.xadd(`hydra:stream:${stream}`, '*', 'hydra', '1', 'data', JSON.stringify(task));
    };
    const publishing = (async () => {
      for (let index = 0; !publisher.signal.aborted; index++) {
        await publish({ key: keyOf(index), n: Math.floor(index / KEYS), ms: 30 + Math.random() * 30 });
        await sleep(2);
      }
    })();
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(200 + Math.random() * 400);
      // So that each kill interrupts an entry at least, on a slow machine too.
      const held = `held-${kill}`;
      await publish({ key: held, n: 0, firstMs: HELD_MS });
      const holder = await eventually(
        async () => (await ledger.lines()).find(({ what, key }) => what === 'begin' && key === held)?.who,
        { what: `the start of ${held}`, everyMs: 50 },
      );
      const [victim] = consumers.splice(
        consumers.findIndex(({ id }) => id === holder),
        1,
      );
      const successor = start();
      await ledger.kill(victim!);
      consumers.push(await successor);
    }
    publisher.abort();
    await publishing;
    await eventually(
      async () => {
        lines = await ledger.lines();
        return (
          new Set(lines.filter(({ what }) => what === 'end').map(({ key, n }) => `${key} ${n}`)).size ===
          published
        );
      },
      { what: `${published} entries to be handled`, timeoutMs: 60_000, everyMs: 250 },
    );
    await eventually(
      async () => ((await redis.xpending(`hydra:stream:${stream}`, settings.service)) as [number])[0] === 0,
      {
        what: 'all to be acknowledged',
      },
    );
    const names = new Set(consumers.flatMap(({ id }) => [id, `${id}~`]).concat('in-line'));
    await eventually(
      async () => {
        const found = (await redis.xinfo('CONSUMERS', `hydra:stream:${stream}`, settings.service)) as [
          string,
          string,
        ][];
        return found.every(([, name]) => names.has(name));
      },
      { what: 'the names of the dead to go' },
    );
    await Promise.all(consumers.map((consumer) => consumer.kill()));
  }, 900_000);

  it('lose nothing', async () => {
    const done = new Set(lines.filter(({ what }) => what === 'end').map(({ key, n }) => `${key} ${n}`));
    expect(done.size).toBe(published);
    expect(await redis.keys('*:dead:*')).toEqual([]);
  });

  it('keep the order of each key', () => {
    const finished = new Map<string, number>();
    const begun = new Map<string, number>();
    const breaches: string[] = [];
    for (const { what, key, n, who } of lines) {
      if (what === 'begin') {
        if ((finished.get(key) ?? -1) < n - 1)
          breaches.push(`${who} began ${key} ${n} before ${n - 1} was done`);
        if ((begun.get(key) ?? -1) > n) breaches.push(`${who} began ${key} ${n} again, after a later one`);
        begun.set(key, Math.max(begun.get(key) ?? -1, n));
      }
      if (what === 'end') finished.set(key, Math.max(finished.get(key) ?? -1, n));
    }
    expect(breaches).toEqual([]);
  });

  it('have what they left handled by others within seconds', () => {
    const delays = lines
      .flatMap((kill, at) => (kill.what === 'kill' ? delaysAfter(kill, at) : []))
      .toSorted((a, b) => a - b);
    const p99 = delays[Math.min(delays.length - 1, Math.floor(delays.length * 0.99))]!;
    console.log(
      `${KILLS} kills, ${published} entries, ${delays.length} taken over, p50 ${delays[delays.length >> 1]} ms, p99 ${p99} ms`,
    );
    expect(delays.length).toBeGreaterThan(0);
    expect(p99).toBeLessThan(scaled(5_000, startedAt));
  });

  /** How long each entry waited that was in the hands of a killed consumer. */
  function delaysAfter(kill: LedgerLine, at: number): number[] {
    const mine = lines.slice(0, at).filter(({ who }) => who === kill.who);
    const open = mine.filter(
      ({ what, key, n }) =>
        what === 'begin' && !mine.some((end) => end.what === 'end' && end.key === key && end.n === n),
    );
    return open.flatMap(({ key, n }) => {
      const next = lines.slice(at).find((line) => line.what === 'begin' && line.key === key && line.n === n);
      return next ? [next.at - kill.at] : [];
    });
  }
});
