import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';

import type { RunningRedis } from '../../tools/redis.mjs';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import {
  Ledger,
  launchConsumer,
  startConsumer,
  type Consumer,
  type ConsumerSettings,
  type StreamTask,
} from '../support/stream-ledger.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('faults');
const group = uniqueService('consumer');
const key = `hydra:stream:${stream}`;
let underTest: RunningRedis;
let redis: Redis;
let ledger: Ledger;
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
  settings = { service: group, stream, redis: underTest.url, ledger: other.url, handler: { attempts: 3 } };
});

async function publish(task: StreamTask = {}): Promise<number> {
  const n = ++published;
  await redis.xadd(key, '*', 'hydra', '1', 'data', JSON.stringify({ key: 't', n, ...task }));
  return n;
}

const done = (n: number, what = 'end') => ledger.counts().then((counts) => counts.get(`${what} t ${n}`) ?? 0);

async function handled(n: number, timeoutMs = 5_000): Promise<void> {
  await eventually(() => done(n), { what: `entry ${n} to be handled`, timeoutMs });
}

const pending = async () =>
  (await redis.xpending(key, group, '-', '+', 100)) as [id: string, owner: string][];
const nothingPending = () =>
  eventually(async () => (await pending()).length === 0, { what: 'all acknowledged', timeoutMs: 20_000 });

describe.each([
  ['a stream', {}],
  ['a stream in order', { orderBy: 'key' }],
])('a reader of %s', (_what, order) => {
  let proxy: Proxy;
  let consumer: Consumer;

  beforeAll(async () => {
    proxy = await startProxy(underTest.url);
    consumer = await startConsumer({ ...settings, redis: proxy.url, handler: { attempts: 3, ...order } });
    await handled(await publish());
  }, 30_000);

  afterAll(() => consumer.kill());

  it('goes on within two seconds after its group or the whole stream was lost, and says so once', async () => {
    for (const lose of [
      () => redis.flushall(),
      () => redis.xgroup('DESTROY', key, group),
      () => redis.flushall(),
    ]) {
      await lose();
      await handled(await publish(), 2_000);
    }
    expect(consumer.output().match(/was lost/g)).toHaveLength(1);
  });

  it('loses no entry that was published while its group was gone', async () => {
    await redis.xgroup('DESTROY', key, group);
    const entries = await Promise.all(Array.from({ length: 20 }, () => publish()));
    for (const n of entries) await handled(n);
  });

  it('goes on after Redis was killed and started again', async () => {
    await underTest.kill9();
    await underTest.restart();
    await handled(await publish());
  });

  it('goes on after Redis stood still', async () => {
    await underTest.pause();
    await sleep(3_500);
    await underTest.resume();
    await handled(await publish());
  });

  it('goes on after its link was cut, and after it was half-open', async () => {
    proxy.sever();
    await handled(await publish());
    proxy.freeze();
    await sleep(4_000);
    const n = await publish();
    proxy.thaw();
    await handled(n);
    await nothingPending();
  });
});

describe('an entry in hand', () => {
  it('is not acknowledged by an owner that stood still and lost it, and the handler is told', async () => {
    const [one, two] = await Promise.all([startConsumer(settings), startConsumer(settings)]);
    const n = await publish({ ms: 6_000 });
    await eventually(() => done(n, 'begin'), { what: 'the first owner' });
    const [[, owner]] = (await pending()) as [[string, string]];
    const [stale, heir] = owner === one.id ? [one, two] : [two, one];
    await stale.kill('SIGSTOP');
    await eventually(async () => (await done(n, 'begin')) === 2, {
      what: 'the heir to begin',
      timeoutMs: 8_000,
    });
    await stale.kill('SIGCONT');
    await eventually(() => stale.output().includes('claimed by others'), {
      what: 'the refusal',
      timeoutMs: 8_000,
    });
    await eventually(() => done(n, 'LEASE_LOST'), { what: 'the signal' });
    expect((await pending()).map(([, name]) => name)).toEqual([heir.id]);
    await nothingPending();
    await Promise.all([one.kill(), two.kill()]);
  }, 60_000);

  it('becomes a dead letter when it kills every consumer, and the others with it are handled', async () => {
    const poison = await publish({ act: 'exit' });
    const innocent = await Promise.all(Array.from({ length: 10 }, () => publish({ ms: 50 })));
    let consumer = launchConsumer(settings);
    const letters = () => redis.xrange(`hydra:stream:${stream}:dead:${group}`, '-', '+');
    await eventually(
      async () => {
        const ended = await Promise.race([consumer.exited, sleep(50)]);
        if (ended) consumer = launchConsumer(settings);
        return (await letters()).length > 0;
      },
      // Four processes after one another, on a busy machine.
      { what: 'a dead letter', timeoutMs: 90_000 },
    );
    for (const n of innocent) await handled(n, 10_000);
    const [[, fields]] = (await letters()) as [[string, string[]]];
    expect(JSON.parse(fields.at(-1)!)).toMatchObject({ n: poison });
    expect(await letters()).toHaveLength(1);
    // Three attempts, and one alone.
    expect(await done(poison, 'begin')).toBe(4);
    await consumer.kill();
  }, 120_000);
});
