import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { HydraEntryContext, StreamPattern, StreamService } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const service = uniqueService('dead');
const stream = { odd: uniqueService('odd'), given: uniqueService('given'), umf: uniqueService('umf') };
const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;
const ODD: readonly unknown[] = [
  { code: 1, big: 5n },
  cycle,
  { toJSON: () => JSON.parse('no JSON') as unknown },
  Object.assign(new Error('x'), { message: { not: 'a text' } }),
  Object.create(null),
  undefined,
];
const seen: unknown[] = [];
let fails = true;

@Controller()
class Handlers {
  @StreamPattern(stream.odd, { attempts: 1 })
  odd(@Payload() index: number): void {
    throw ODD[index];
  }

  @StreamPattern(stream.given, { attempts: 1, from: 'beginning' })
  given(): void {
    throw new Error('no');
  }

  @StreamPattern(stream.umf, { attempts: 1, type: 'paid', from: 'beginning' })
  umf(@Payload() data: unknown, @Ctx() { fields }: HydraEntryContext): void {
    if (fails) throw new Error('no');
    seen.push(data, Object.keys(fields));
  }
}

describe('a dead letter', () => {
  let url: string;
  let redis: Redis;

  beforeAll(async () => {
    url = await testRedisUrl();
    redis = new Redis(url);
    atEnd(() => redis.disconnect());
  });

  it('has a reason whatever the handler threw, and the process goes on', async () => {
    const server = await startService({ service, redis: url }, [Handlers]);
    const streams = server.app.get(StreamService);
    for (const index of ODD.keys()) await streams.publish(stream.odd, index);
    const letters = await eventually(
      async () => {
        const found = await streams.deadLetters(stream.odd);
        return found.length === ODD.length ? found : undefined;
      },
      { what: 'a letter for each' },
    );
    for (const { reason } of letters) expect(reason).not.toBe('');
    expect(letters.find(({ data }) => data === 0)?.reason).toContain('big');
    await server.close();
  });

  it('is kept when its group is gone', async () => {
    const server = await startService({ service, redis: url }, [Handlers]);
    const streams = server.app.get(StreamService);
    await streams.publish(stream.given, 1);
    await eventually(async () => (await streams.deadLetters(stream.given)).length === 1, {
      what: 'a letter',
    });
    await server.close();
    await redis.del(`hydra:stream:${stream.given}`);
    const other = await startService({ service: uniqueService(), redis: url }, []);
    const later = other.app.get(StreamService);
    await expect(later.redrive(stream.given, 'all', { group: service })).rejects.toThrow('NOGROUP');
    expect(await later.deadLetters(stream.given, { group: service })).toHaveLength(1);
    await other.close();
  });

  it('is given back whole, whoever wrote it, although the stream was trimmed', async () => {
    const server = await startService({ service, redis: url }, [Handlers]);
    const streams = server.app.get(StreamService);
    const message = { to: 'shop:/', frm: 'a:/', mid: 'm', typ: 'paid', ver: 'UMF/1.4', bdy: { n: 7 } };
    await redis.xadd(`hydra:stream:${stream.umf}`, '*', 'message', JSON.stringify(message));
    for (let time = 1; time <= 2; time++) {
      await eventually(async () => (await streams.deadLetters(stream.umf)).length === 1, {
        what: 'a letter',
      });
      await streams.trim(stream.umf, { maxLen: 0 });
      fails = time === 1;
      expect(await streams.redrive(stream.umf, 'all')).toBe(1);
    }
    await eventually(() => seen.length > 0, { what: 'the entry' });
    expect(seen).toEqual([{ n: 7 }, ['message']]);
    await server.close();
  });
});
