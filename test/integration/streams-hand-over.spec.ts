import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import {
  HydraEntryContext,
  StreamPattern,
  StreamService,
  type HydraError,
  type HydraOptions,
} from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const plain = uniqueService('plain');
const ordered = uniqueService('ordered');
const taken = uniqueService('taken');
const service = uniqueService('consumer');
const begun: number[] = [];
const ended: number[] = [];
const reasons: string[] = [];

async function work(ms: number, n: number): Promise<void> {
  begun.push(n);
  await sleep(ms);
  ended.push(n);
}

@Controller()
class Worker {
  @StreamPattern(plain, { concurrency: 5 })
  plain(@Payload() { ms, n }: { ms: number; n: number }): Promise<void> {
    return work(ms, n);
  }

  @StreamPattern(ordered, { concurrency: 5, orderBy: 'key' })
  ordered(@Payload() { ms, n }: { ms: number; n: number }): Promise<void> {
    return work(ms, n);
  }
}

@Controller()
class Slow {
  @StreamPattern(taken, { concurrency: 1, attempts: 1 })
  async slow(@Payload() n: number, @Ctx() { signal }: HydraEntryContext): Promise<void> {
    begun.push(n);
    if (n === 1) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    if (!signal.aborted) return void ended.push(n);
    reasons.push((signal.reason as HydraError).code);
    throw signal.reason;
  }
}

describe('entries in the hands of an instance', () => {
  let redis: Redis;
  let options: HydraOptions;
  const start = (): Promise<TestService> => startService(options, [Worker]);

  beforeAll(async () => {
    const url = await testRedisUrl();
    options = { service, redis: url, presence: { intervalMs: 200, ttlMs: 600 } };
    redis = new Redis(url);
    atEnd(() => redis.disconnect());
  });

  beforeEach(() => {
    begun.length = ended.length = 0;
  });

  const nothingPending = (stream: string) =>
    eventually(async () => ((await redis.xpending(`hydra:stream:${stream}`, service)) as [number])[0] === 0, {
      what: 'all to be acknowledged',
    });

  it('stay with it while it is alive, however long they take', async () => {
    const services = await Promise.all([start(), start()]);
    await services[0].app.get(StreamService).publish(plain, { ms: 2_500, n: 1 });
    await eventually(() => ended.length === 1, { what: 'the slow one' });
    await nothingPending(plain);
    expect(begun).toEqual([1]);
    await Promise.all(services.map((one) => one.close()));
  });

  it('abort the signal of their handler with LEASE_LOST once others have them, and do not begin any more', async () => {
    const slow = await startService(options, [Slow]);
    const streams = slow.app.get(StreamService);
    const key = `hydra:stream:${taken}`;
    // Only after one that was handled within 10 ms are the next ones fetched ahead: on a busy machine, not each is.
    const isQuick = async () => {
      const [count, startedAt] = [ended.length, performance.now()];
      await streams.publish(taken, 0);
      await eventually(() => ended.length > count, { what: 'an entry', everyMs: 1 });
      return performance.now() - startedAt < 8;
    };
    await eventually(isQuick, { what: 'a quick one', timeoutMs: 20_000, everyMs: 1 });
    const quick = begun.length;
    const pending = async () => (await redis.xpending(key, service, '-', '+', 10)) as [string, string][];
    await eventually(async () => (await pending()).length === 0, { what: 'their acknowledgements' });
    const add = redis.multi();
    for (const n of [1, 2, 3]) add.xadd(key, '*', 'hydra', '1', 'data', String(n));
    const ids = (await add.exec())!.map(([, id]) => id as string);
    await eventually(async () => (await pending()).length > 1 && begun.includes(1), { what: 'two in hand' });
    const lost = (await pending()).map(([id]) => id);
    // As after a long standstill: its sign of life is gone, and another consumer has claimed what it had.
    await redis
      .multi()
      .del(`${key}:consumer:${service}:${slow.id}`)
      .xclaim(key, service, 'another', 0, ...lost)
      .exec();
    await eventually(() => reasons.length > 0, { what: 'the signal' });
    expect(reasons).toEqual(['LEASE_LOST']);
    expect(lost).toContain(ids[0]);
    // What it had not begun is another's, and what it reads from now on is its own.
    const id = await streams.publish(taken, 4);
    await eventually(() => ended.includes(4), { what: 'the next one' });
    await eventually(async () => (await pending()).every(([one]) => one !== id), { what: 'acknowledgement' });
    expect(begun.slice(quick)).toEqual([1, ...[2, 3].filter((n) => !lost.includes(ids[n - 1]!)), 4]);
    expect((await pending()).map(([, owner]) => owner)).toEqual(lost.map(() => 'another'));
    expect(await streams.deadLetters(taken)).toEqual([]);
    await slow.close();
  });

  it.each([
    [plain, 'in any order'],
    [ordered, 'in order'],
  ])('of %s are handed over when it drains, and handled once, %s', async (stream, order) => {
    const leaving = await start();
    const streams = leaving.app.get(StreamService);
    const entries = Array.from({ length: 20 }, (_, n) => n);
    for (const n of entries) await streams.publish(stream, { ms: 100, n, key: 'k' });
    await eventually(() => begun.length > 0, { what: 'the first to begin' });
    const staying = await start();
    await leaving.close();
    await eventually(() => ended.length === 20, { what: 'all to be handled', timeoutMs: 10_000 });
    expect(order === 'in order' ? ended : ended.toSorted((a, b) => a - b)).toEqual(entries);
    await nothingPending(stream);
    const consumers = (await redis.xinfo('CONSUMERS', `hydra:stream:${stream}`, service)) as [
      string,
      string,
    ][];
    expect(consumers.map(([, name]) => name)).not.toContain(leaving.id);
    await staying.close();
  });
});
