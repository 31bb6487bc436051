import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { HydraEntryContext, StreamPattern, StreamService } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { allow } from '../support/own-user.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

interface Seen {
  readonly handler: string;
  readonly data: unknown;
  readonly context: HydraEntryContext;
}

const seen: Seen[] = [];
const of = (handler: string) => seen.filter((one) => one.handler === handler).map(({ data }) => data);
const stream = uniqueService('orders');
const other = uniqueService('other');
let failures = 0;

@Controller()
class OrdersController {
  @StreamPattern(stream)
  any(@Payload() data: unknown, @Ctx() context: HydraEntryContext): void {
    seen.push({ handler: 'any', data, context });
  }

  @StreamPattern(stream, { type: 'paid' })
  paid(@Payload() data: unknown, @Ctx() context: HydraEntryContext): void {
    seen.push({ handler: 'paid', data, context });
  }

  @StreamPattern(stream, { group: 'audit', from: 'beginning' })
  audit(@Payload() data: unknown, @Ctx() context: HydraEntryContext): void {
    seen.push({ handler: 'audit', data, context });
  }

  @StreamPattern(other, { attempts: 3, backoff: { minMs: 10 } })
  fail(@Payload() data: { times: number }, @Ctx() context: HydraEntryContext): void {
    if (context.attempt <= data.times) {
      failures++;
      throw new Error('not yet');
    }
    seen.push({ handler: 'fail', data, context });
  }
}

describe('a stream', () => {
  const service = allow(uniqueService('svc'), { consumes: [stream, other] });
  let server: TestService;
  let streams: StreamService;

  beforeAll(async () => {
    server = await startService({ service, redis: await testRedis() }, [OrdersController]);
    streams = server.app.get(StreamService);
  });

  beforeEach(() => {
    seen.length = 0;
    failures = 0;
  });

  it('brings each entry once to each group', async () => {
    const id = await streams.publish(stream, { total: 5 }, { headers: { trace: 't' } });
    await eventually(() => of('any').length === 1 && of('audit').length === 1, { what: 'both groups' });
    expect(of('any')).toEqual([{ total: 5 }]);
    const { context } = seen[0]!;
    expect(context.id).toBe(id);
    expect(context.attempt).toBe(1);
    expect(context.getPattern()).toBe(stream);
    expect(context.getMetadata()).toEqual({ trace: 't' });
    expect(Math.abs(context.publishedAt.getTime() - Date.now())).toBeLessThan(60_000);
    await eventually(async () => (await streams.info(stream)).groups.every(({ pending }) => pending === 0), {
      what: 'acknowledgement',
    });
  });

  it('brings a typed entry to the handler of its type', async () => {
    await streams.publish(stream, 1, { type: 'paid' });
    await streams.publish(stream, 2, { type: 'sent' });
    await eventually(() => seen.length === 4, { what: 'all handlers' });
    expect(of('paid')).toEqual([1]);
    expect(of('any')).toEqual([2]);
    expect(of('audit')).toEqual([1, 2]);
  });

  it('tries again what failed, and gives up after its attempts', async () => {
    await streams.publish(other, { times: 2 });
    await eventually(() => of('fail').length === 1, { what: 'the third attempt' });
    expect(failures).toBe(2);
    const id = await streams.publish(other, { times: 9 });
    const letter = await eventually(async () => (await streams.deadLetters(other))[0], {
      what: 'a dead letter',
    });
    expect(letter).toMatchObject({ entryId: id, attempts: 3, reason: 'not yet', data: { times: 9 } });
  });
});
