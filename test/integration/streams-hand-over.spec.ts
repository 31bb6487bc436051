import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { StreamPattern, StreamService, type HydraOptions } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const plain = uniqueService('plain');
const ordered = uniqueService('ordered');
const service = uniqueService('consumer');
const begun: number[] = [];
const ended: number[] = [];

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
