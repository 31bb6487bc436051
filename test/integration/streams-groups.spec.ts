import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import {
  HydraEntryContext,
  HydraHealthIndicator,
  StreamPattern,
  StreamService,
  type HydraOptions,
} from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const NOON = Date.UTC(2026, 0, 1, 12);
const stream = uniqueService('stream');
const key = `hydra:stream:${stream}`;
const service = uniqueService('service');
const seen: string[] = [];

@Controller()
class Readers {
  @StreamPattern(stream)
  new(@Payload() n: number, @Ctx() { attempt }: HydraEntryContext): void {
    seen.push(`new ${n} (${attempt})`);
  }

  @StreamPattern(stream, { group: 'by-id', from: `${NOON}-2` })
  byId(@Payload() n: number): void {
    seen.push(`by-id ${n}`);
  }

  @StreamPattern(stream, { group: 'by-time', from: new Date(NOON + 1) })
  byTime(@Payload() n: number): void {
    seen.push(`by-time ${n}`);
  }
}

describe('a consumer group', () => {
  let redis: Redis;
  let options: HydraOptions;
  const add = (id: string, n: number) => redis.xadd(key, id, 'hydra', '1', 'data', String(n));
  const take = () => seen.splice(0).toSorted();

  beforeAll(async () => {
    const { url } = await startPrivateRedis();
    redis = new Redis(url);
    atEnd(() => redis.disconnect());
    options = { service, redis: url, streams: { claimIdleMs: 300 } };
  });

  it('begins with what is published from now on, with an id, or with a time', async () => {
    for (const n of [1, 2, 3]) await add(`${NOON}-${n}`, n);
    await add(`${NOON + 1}-0`, 4);
    const server = await startService(options, [Readers]);
    await eventually(() => seen.length === 4, { what: 'what is stored' });
    expect(take()).toEqual(['by-id 2', 'by-id 3', 'by-id 4', 'by-time 4']);
    await add('*', 5);
    await eventually(() => seen.length === 3, { what: 'the new one' });
    expect(take()).toEqual(['by-id 5', 'by-time 5', 'new 5 (1)']);
    await server.close();
  });

  it('that begins beyond the newest entry is given what is published from now on', async () => {
    const late = uniqueService('late');
    const lateKey = `hydra:stream:${late}`;
    const future = Date.now() + 3_600_000;
    const got: string[] = [];

    @Controller()
    class Late {
      @StreamPattern(late, { group: 'by-time', from: new Date(future) })
      byTime(@Payload() n: number): void {
        got.push(`by-time ${n}`);
      }

      @StreamPattern(late, { group: 'by-id', from: `${future}-0` })
      byId(@Payload() n: number): void {
        got.push(`by-id ${n}`);
      }
    }

    for (const n of [1, 2, 3]) await redis.xadd(lateKey, '*', 'hydra', '1', 'data', String(n));
    const server = await startService(options, [Late]);
    await redis.xadd(lateKey, '*', 'hydra', '1', 'data', '4');
    await eventually(() => got.includes('by-time 4') && got.includes('by-id 4'), { what: 'the new one' });
    expect(got.toSorted()).toEqual(['by-id 4', 'by-time 4']);
    await server.close();
  });

  it('has what a foreign consumer leaves idle handled by an instance, as a further attempt', async () => {
    await add('*', 6);
    await redis.xreadgroup('GROUP', service, 'python', 'STREAMS', key, '>');
    const server = await startService(options, [Readers]);
    await eventually(() => seen.includes('new 6 (2)'), { what: 'the entry' });
    await eventually(async () => ((await redis.xpending(key, service)) as [number])[0] === 0, {
      what: 'acknowledgement',
    });
    await server.close();
  });

  it('that cannot be read makes its instance not ready, with the reason, until it can be read again', async () => {
    const server = await startService(options, [Readers]);
    const health = async () => (await server.app.get(HydraHealthIndicator).isHealthy()).hydra;
    expect((await health()).status).toBe('up');
    await redis.multi().del(key).set(key, 'not a stream').exec();
    const down = await eventually(
      async () => {
        const one = await health();
        return one.status === 'down' ? one : undefined;
      },
      { what: 'the verdict', timeoutMs: 20_000, everyMs: 200 },
    );
    expect(down.reasons?.join()).toMatch(/stream ".*" is not read by group ".*": .*WRONGTYPE/);
    await redis.del(key);
    await eventually(async () => (await health()).status === 'up', { what: 'readiness', timeoutMs: 10_000 });
    seen.length = 0;
    await add('*', 7);
    await eventually(() => seen.length === 3, { what: 'the next entry' });
    await server.close();
  }, 60_000);
});

describe("an event's own id", () => {
  it('keeps it from being stored twice for streams.dedupMs, and no longer', async () => {
    const { url } = await startPrivateRedis();
    const { app } = await startCaller({ service, redis: url, streams: { dedupMs: 500 } }, []);
    const streams = app.get(StreamService);
    const redis = new Redis(url);
    atEnd(() => redis.disconnect());
    const publish = () => streams.publish('events', {}, { id: 'one' });
    const [first, ...again] = await Promise.all([publish(), publish(), publish()]);
    expect(again).toEqual([first, first]);
    await eventually(async () => (await redis.exists('hydra:stream:events:id:one:entry')) === 0, {
      what: 'the window to end',
    });
    expect(await publish()).not.toBe(first);
    expect(await redis.xlen('hydra:stream:events')).toBe(2);
  });
});
