import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { StreamPattern, StreamService } from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('lapsed');
const key = `hydra:stream:${stream}`;
const service = uniqueService('service');
/** More than one script looks at. */
const WAITING = 250;
const seen: string[] = [];
let holds = true;

@Controller()
class InOrder {
  @StreamPattern(stream, { orderBy: 'k', from: 'beginning' })
  async handle(@Payload() { n }: { n: number }): Promise<void> {
    if (holds) return new Promise<void>(() => undefined);
    seen.push(`begin ${n}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    seen.push(`end ${n}`);
  }
}

const live = uniqueService('live');
const liveSeen: string[] = [];
let release: () => void = () => undefined;
const held = new Promise<void>((resolve) => (release = resolve));

@Controller()
class Held {
  @StreamPattern(live, { orderBy: 'k', from: 'beginning' })
  async handle(@Payload() { n }: { n: number }): Promise<void> {
    liveSeen.push(`begin ${n}`);
    if (n === 1) await held;
    liveSeen.push(`end ${n}`);
  }
}

const inOrder = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => [`begin ${from + at}`, `end ${from + at}`]).flat();

describe('a group that orders by key', () => {
  let url: string;
  let redis: Redis;
  let streams: StreamService;

  beforeAll(async () => {
    url = await testRedisUrl();
    redis = new Redis(url);
    atEnd(() => redis.disconnect());
    streams = (await startCaller({ service: uniqueService(), redis: url }, [])).app.get(StreamService);
  });

  it('keeps the order of entries that wait, although what Redis knew of it is gone when an instance starts', async () => {
    const options = { service, redis: url, drain: { timeoutMs: 100 } };
    const first = await startService(options, [InOrder]);
    for (let n = 1; n <= WAITING; n++) await streams.publish(stream, { k: 'one', n });
    const queued = async () =>
      ((await redis.xinfo('CONSUMERS', key, service)) as unknown[][]).find(([, name]) => name === 'in-line');
    await eventually(async () => (await queued())?.[3] === WAITING - 1, { what: 'all but one to wait' });
    await first.close();
    await redis.del(`${key}:order:${service}`);
    await streams.publish(stream, { k: 'one', n: WAITING + 1 });

    holds = false;
    const second = await startService(options, [InOrder]);
    await eventually(() => seen.length >= 2 * (WAITING + 1), {
      what: 'all of them',
      // One after the other.
      timeoutMs: 60_000,
    });
    expect(seen).toEqual(inOrder(1, WAITING + 1));
    await eventually(async () => (await redis.exists(`${key}:order:${service}`)) === 0, {
      what: 'the order to be empty',
    });
    await second.close();
  }, 120_000);

  it('restores the order of what is in flight and in line, where its key is deleted while an instance reads', async () => {
    const server = await startService({ service, redis: url }, [Held]);
    const order = `hydra:stream:${live}:order:${service}`;
    for (let n = 1; n <= 4; n++) await streams.publish(live, { k: 'one', n });
    await eventually(async () => (await redis.zcard(order)) === 4, { what: 'all to have a place' });
    await redis.del(order);
    await eventually(async () => (await redis.zcard(order)) === 4, { what: 'the order', timeoutMs: 10_000 });
    await streams.publish(live, { k: 'one', n: 5 });
    await eventually(async () => (await redis.zcard(order)) === 5, { what: 'the last to have a place' });
    expect(liveSeen).toEqual(['begin 1']);
    release();
    await eventually(() => liveSeen.length >= 10, { what: 'all five', timeoutMs: 10_000 });
    expect(liveSeen).toEqual(inOrder(1, 5));
    await server.close();
  }, 30_000);
});
