import { setTimeout as sleep } from 'node:timers/promises';

import { Controller, Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { lastValueFrom } from 'rxjs';

import {
  HydraBatchContext,
  HydraClient,
  HydraEntryContext,
  HydraRecordBuilder,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const names = ['ordered', 'batched', 'foreign', 'guarded', 'slow', 'history', 'events'] as const;
const stream = Object.fromEntries(names.map((name) => [name, uniqueService(name)])) as Record<
  (typeof names)[number],
  string
>;

let redis: Redis;
let url: string;
beforeAll(async () => {
  url = await testRedisUrl();
  redis = new Redis(url);
  atEnd(() => redis.disconnect());
});

const service = uniqueService('handlers');
const chosen = {
  stream: uniqueService('chosen'),
  from: 'beginning',
  orderBy: 'id',
  attempts: 2,
  concurrency: 4,
  backoff: { minMs: 5 },
};
const start = (controller: new () => object) =>
  startService({ service, redis: url, streams: { events: [stream.events, chosen] } }, [controller]);
const streamsOf = ({ app }: TestService) => app.get(StreamService);

describe('entries with an equal key', () => {
  const begun: string[] = [];
  let atOnce = 0;
  let most = 0;

  @Controller()
  class Ordered {
    @StreamPattern(stream.ordered, { orderBy: 'user.id', attempts: 3, backoff: { minMs: 20 } })
    async handle(
      @Payload() { user, n }: { user: { id: string }; n: number },
      @Ctx() { attempt }: HydraEntryContext,
    ): Promise<void> {
      begun.push(`${user.id}${n}`);
      most = Math.max(most, ++atOnce);
      await sleep(5);
      atOnce--;
      if (n === 1 && attempt === 1) throw new Error('once');
    }
  }

  it('are handled one after another over all instances, through retries too; others in parallel', async () => {
    const services = await Promise.all([start(Ordered), start(Ordered)]);
    const streams = streamsOf(services[0]);
    for (let n = 0; n < 5; n++) {
      for (const id of ['a', 'b', 'c']) await streams.publish(stream.ordered, { user: { id }, n });
    }
    await eventually(() => begun.length === 18, { what: 'every entry' });
    for (const id of ['a', 'b', 'c']) {
      expect(begun.filter((one) => one.startsWith(id))).toEqual([0, 1, 1, 2, 3, 4].map((n) => `${id}${n}`));
    }
    expect(most).toBeGreaterThan(1);
    await eventually(
      async () => (await redis.exists(`hydra:stream:${stream.ordered}:order:${service}`)) === 0,
      {
        what: 'the lines to be empty',
      },
    );
    await Promise.all(services.map((one) => one.close()));
  });
});

describe('a batch', () => {
  const batches: unknown[][] = [];

  @Controller()
  class Batched {
    @StreamPattern(stream.batched, {
      batch: { size: 4, waitMs: 50 },
      concurrency: 1,
      attempts: 2,
      backoff: { minMs: 10 },
    })
    handle(@Payload() items: number[], @Ctx() batch: HydraBatchContext): void {
      batches.push(items);
      for (const [index, item] of items.entries()) if (item < 0) batch.fail(index, 'negative');
    }
  }

  it('is as large as allowed, or what came in time; what failed in it is tried again alone', async () => {
    const server = await start(Batched);
    const streams = streamsOf(server);
    for (const item of [1, 2, -3, 4, 5]) await streams.publish(stream.batched, item);
    const letter = await eventually(async () => (await streams.deadLetters(stream.batched))[0], {
      what: 'a dead letter',
    });
    expect(letter).toMatchObject({ data: -3, reason: 'negative', attempts: 2 });
    expect((batches.flat() as number[]).toSorted((a, b) => a - b)).toEqual([-3, -3, 1, 2, 4, 5]);
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(4);
    expect(batches.length).toBeLessThan(5);
    await server.close();
  });
});

describe('a foreign producer or consumer', () => {
  const seen: unknown[] = [];

  @Controller()
  class Foreign {
    @StreamPattern(stream.foreign)
    handle(@Payload() data: unknown, @Ctx() context: HydraEntryContext): void {
      seen.push(data, context.fields);
    }
  }

  it('writes fields that arrive as a map, and reads ours as fields', async () => {
    const key = `hydra:stream:${stream.foreign}`;
    const server = await start(Foreign);
    await redis.xadd(key, '*', 'temp', '21.5', 'unit', 'C');
    await eventually(() => seen.length === 2, { what: 'the entry' });
    expect(seen).toEqual([
      { temp: '21.5', unit: 'C' },
      { temp: '21.5', unit: 'C' },
    ]);
    await redis.xgroup('CREATE', key, 'python', '$');
    await streamsOf(server).publish(stream.foreign, { a: 1 });
    const [[, entries]] = (await redis.xreadgroup('GROUP', 'python', 'p', 'STREAMS', key, '>')) as [
      [string, [string, string[]][]],
    ];
    expect(entries[0]![1]).toEqual(['hydra', '1', 'data', '{"a":1}']);
    await server.close();
  });
});

describe('a handler of entries', () => {
  @Injectable()
  class OnlyEven implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      return context.switchToRpc().getData<number>() % 2 === 0;
    }
  }
  const seen: unknown[] = [];

  @Controller()
  class Guarded {
    @UseGuards(OnlyEven)
    @StreamPattern(stream.guarded, { attempts: 1 })
    guarded(@Payload() data: number): void {
      seen.push(data);
    }

    @StreamPattern(stream.slow, { attempts: 1, timeoutMs: 50 })
    async slow(@Payload() _data: number, @Ctx() { signal }: HydraEntryContext): Promise<void> {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      seen.push((signal.reason as { code: string }).code);
    }
  }

  it("is an ordinary handler: a guard's refusal is a failure", async () => {
    const server = await start(Guarded);
    const streams = streamsOf(server);
    await streams.publish(stream.guarded, 1);
    await streams.publish(stream.guarded, 2);
    const letter = await eventually(async () => (await streams.deadLetters(stream.guarded))[0], {
      what: 'a dead letter',
    });
    expect(letter).toMatchObject({ data: 1, reason: 'Forbidden resource' });
    await eventually(() => seen.includes(2), { what: 'the even one' });
    await streams.publish(stream.slow, 0);
    await eventually(() => seen.includes('TIMEOUT'), { what: 'the signal' });
    await server.close();
  });
});

describe('a group', () => {
  const seen: number[] = [];
  let isBroken = true;

  @Controller()
  class History {
    @StreamPattern(stream.history, { from: 'beginning', attempts: 1 })
    handle(@Payload() n: number): void {
      if (isBroken && n === 1) throw new Error('broken');
      seen.push(n);
    }
  }

  it('begins where it is told, is given dead letters back, and handles history again', async () => {
    for (const n of [0, 1, 2]) {
      await redis.xadd(`hydra:stream:${stream.history}`, '*', 'hydra', '1', 'data', String(n));
    }
    const server = await start(History);
    const streams = streamsOf(server);
    await eventually(async () => (await streams.deadLetters(stream.history)).length === 1, {
      what: 'a dead letter',
    });
    isBroken = false;
    expect(await streams.redrive(stream.history, 'all')).toBe(1);
    await eventually(() => seen.length === 3, { what: 'the dead letter' });
    expect(seen).toEqual([0, 2, 1]);
    expect(await streams.deadLetters(stream.history)).toEqual([]);
    await streams.replay(stream.history, service, 'beginning');
    await eventually(() => seen.length === 6, { what: 'all of it again' });
    expect(seen.slice(3)).toEqual([0, 1, 2]);
    await server.close();
  });

  it('begins a replay at once, and nothing shows of how it was woken', async () => {
    isBroken = false;
    seen.length = 0;
    const server = await start(History);
    const streams = streamsOf(server);
    const { length, oldest, newest } = await streams.info(stream.history);
    const delays: number[] = [];
    for (let round = 1; round <= 5; round++) {
      // Its reader waits for something new: a second, if nobody wakes it.
      await eventually(async () => String(await redis.client('LIST')).includes('cmd=xreadgroup'), {
        what: 'a reader that blocks',
      });
      const startedAt = performance.now();
      await streams.replay(stream.history, service, 'beginning');
      await eventually(() => seen.length === 3 * round, { what: 'all of it again', everyMs: 5 });
      delays.push(performance.now() - startedAt);
    }
    expect(Math.min(...delays)).toBeLessThan(250);
    const isHandled = async () => (await streams.info(stream.history)).groups[0]!.pending === 0;
    await eventually(isHandled, { what: 'acknowledgement' });
    const after = await streams.info(stream.history);
    expect(after).toMatchObject({ length, oldest, newest, groups: [{ lag: 0, lastDeliveredId: newest }] });
    await server.close();
  });

  it('is given a dead letter back that its stream has no more, and no other group is', async () => {
    const server = await start(History);
    const streams = streamsOf(server);
    isBroken = true;
    seen.length = 0;
    await streams.publish(stream.history, 1);
    await eventually(async () => (await streams.deadLetters(stream.history)).length === 1, {
      what: 'a dead letter',
    });
    await streams.trim(stream.history, { maxLen: 0 });
    isBroken = false;
    await streams.redrive(stream.history, 'all');
    await eventually(() => seen.length === 1, { what: 'the dead letter' });
    expect(seen).toEqual([1]);
    await server.close();
  });
});

describe('an event of a client with durableEvents', () => {
  const seen: unknown[] = [];
  const attempts: string[] = [];

  @Controller()
  class Events {
    @EventPattern<string>('created')
    created(@Payload() data: unknown, @Ctx() context: HydraEntryContext): void {
      seen.push([data, context.getMessage().type]);
    }

    @EventPattern<string>('changed')
    async changed(
      @Payload() { id, n }: { id: string; n: number },
      @Ctx() { attempt }: HydraEntryContext,
    ): Promise<void> {
      attempts.push(`${id}${n}`);
      if (n === 0 && attempt === 1) throw new Error('once');
      if (id === 'never') throw new Error('never');
    }
  }

  it('is handled by the @EventPattern handlers of a service that was down when it was sent', async () => {
    await (await start(Events)).close();
    const client = new HydraClient({ service, redis: url, durableEvents: stream.events });
    atEnd(() => client.close());
    await lastValueFrom(client.emit('created', { id: 1 }), { defaultValue: undefined });
    await lastValueFrom(client.emit('unheard of', {}), { defaultValue: undefined });
    const server = await start(Events);
    await eventually(() => seen.length === 1, { what: 'the event' });
    expect(seen).toEqual([[{ id: 1 }, 'created']]);
    await eventually(async () => (await streamsOf(server).info(stream.events)).groups[0]!.pending === 0, {
      what: 'both to be acknowledged',
    });
    await server.close();
  });

  it('is kept in the stream that its record names, and handled as the options of that stream say', async () => {
    const client = new HydraClient({ service, redis: url });
    atEnd(() => client.close());
    const emit = (id: string, n: number) =>
      lastValueFrom(
        client.emit('changed', new HydraRecordBuilder({ id, n }).setStream(chosen.stream).build()),
        { defaultValue: undefined },
      );
    // Nobody is there and no group was made: it begins with the oldest.
    for (const [id, n] of [
      ['a', 0],
      ['a', 1],
      ['never', 1],
      ['a', 2],
    ] as const)
      await emit(id, n);
    const server = await start(Events);
    const streams = streamsOf(server);
    const letter = await eventually(async () => (await streams.deadLetters(chosen.stream))[0], {
      what: 'a dead letter',
    });
    expect(letter).toMatchObject({ data: { id: 'never' }, attempts: 2 });
    await eventually(() => attempts.filter((one) => one.startsWith('a')).length === 4, {
      what: 'the others',
    });
    expect(attempts.filter((one) => one.startsWith('a'))).toEqual(['a0', 'a0', 'a1', 'a2']);
    await server.close();
  });
});
