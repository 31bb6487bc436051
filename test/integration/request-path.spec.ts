import { Controller } from '@nestjs/common';
import { ClientProxy, Ctx, EventPattern, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { firstValueFrom, interval, lastValueFrom, map, Observable, take, toArray } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  HydraClient,
  HydraContext,
  HydraError,
  HydraRecordBuilder,
  HydraServer,
  type RedisLocation,
} from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const aborts: string[] = [];
let produced = 0;
let nested: HydraClient;

@Controller()
class PathController {
  @MessagePattern('echo')
  echo(@Payload() data: unknown, @Ctx() context: HydraContext) {
    const { deadline, remainingMs } = context;
    const sender = context.getSender();
    const { type } = context.getMessage();
    return {
      data,
      pattern: context.getPattern(),
      metadata: context.getMetadata() ?? null,
      sender,
      type,
      remainingMs,
      deadline,
    };
  }

  @MessagePattern('hang')
  hang(@Payload() name: string, @Ctx() { signal }: HydraContext): Promise<never> {
    return new Promise((_resolve, reject) => {
      const stop = () => {
        aborts.push(`${name}:${(signal.reason as HydraError).code}`);
        reject(new Error('aborted'));
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop);
    });
  }

  @MessagePattern('ticks')
  ticks(name: string) {
    return new Observable((observer) => {
      const ticks = interval(5).subscribe(observer);
      return () => {
        aborts.push(`${name}:unsubscribed`);
        ticks.unsubscribe();
      };
    });
  }

  @MessagePattern('nested')
  async nestedCall() {
    await sleep(100);
    return firstValueFrom(
      nested.send('echo', {}).pipe(map((reply) => (reply as { remainingMs: number }).remainingMs)),
    );
  }

  @MessagePattern('refuse')
  refuse(): never {
    throw new HydraError('OVERLOADED', 'not today');
  }

  @MessagePattern('crash')
  crash(): never {
    throw new Error('secret');
  }

  @MessagePattern('flood')
  async *flood(n: number) {
    for (produced = 0; produced < n; produced++) yield produced;
  }

  @MessagePattern('burst')
  burst(n: number) {
    return new Observable<number>((observer) => {
      for (let index = 0; index < n; index++) observer.next(index);
      observer.complete();
    });
  }

  @MessagePattern('slow')
  async slow(ms: number) {
    await sleep(ms);
    return 'done';
  }

  @MessagePattern('elsewhere', Transport.TCP)
  elsewhere(): void {}

  @EventPattern<string>('noted')
  noted(@Payload() data: unknown, @Ctx() context: HydraContext): void {
    aborts.push(`noted:${JSON.stringify([data, context.getMetadata()])}`);
  }
}

describe('the request path', () => {
  const service = uniqueService('path');
  let redis: RedisLocation;
  let server: TestService;
  let client: HydraClient;

  beforeAll(async () => {
    redis = await testRedis();
    server = await startService({ service, redis }, [PathController]);
    client = new HydraClient({ service, redis, name: uniqueService('caller') });
    nested = new HydraClient({ service, redis });
    await client.connect();
    await nested.connect();
  });

  afterAll(async () => {
    await client.close();
    await nested.close();
    await server.close();
  });

  const call = (pattern: unknown, data: unknown) => firstValueFrom(client.send(pattern, data));

  it('tells the handler who calls, with what headers, and until when', async () => {
    const data = new HydraRecordBuilder({ a: 1 }).setHeaders({ tenant: 't1' }).setTimeout(1_500).build();
    const reply = (await call('echo', data)) as Record<string, never>;
    expect(reply).toMatchObject({
      data: { a: 1 },
      pattern: 'echo',
      type: 'echo',
      metadata: { tenant: 't1' },
    });
    expect(reply['sender']).toMatchObject({ path: '/' });
    expect(reply['remainingMs']).toBeLessThanOrEqual(1_500);
    expect(reply['remainingMs']).toBeGreaterThan(500);
  });

  // Nest's clients have the hook from 12.0.4; before, nobody could set one.
  const whereHooksAre = 'setOnDispatchHook' in ClientProxy.prototype ? describe : describe.skip;

  whereHooksAre('where Nest has dispatch hooks', () => {
    it('carries what a dispatch hook attaches, for calls and events, once each', async () => {
      let hooks = 0;
      const hooked = new HydraClient({ service, redis });
      hooked.setOnDispatchHook((packet) => {
        hooks++;
        (packet as { metadata?: object }).metadata = { trace: `t${hooks}` };
      });
      expect(await firstValueFrom(hooked.send('echo', {}))).toMatchObject({ metadata: { trace: 't1' } });
      aborts.length = 0;
      await lastValueFrom(hooked.emit('noted', 1), { defaultValue: undefined });
      await eventually(() => aborts.includes('noted:[1,{"trace":"t2"}]'), {
        what: 'the event with its metadata',
      });
      expect(hooks).toBe(2);
      await hooked.close();
    });
  });

  it('aborts the signal of a handler whose caller gives up, times out or unsubscribes', async () => {
    aborts.length = 0;
    await expect(call('hang', record('late', 100))).rejects.toMatchObject({ code: 'TIMEOUT' });
    client.send('hang', 'gone').subscribe().unsubscribe();
    await eventually(() => aborts.length === 2, { what: 'both signals' });
    expect(aborts[0]).toMatch(/^late:(TIMEOUT|CANCELLED)$/);
    expect(aborts[1]).toBe('gone:CANCELLED');
  });

  it('stops the stream of a caller that has enough', async () => {
    aborts.length = 0;
    expect(await lastValueFrom(client.send('ticks', 'three').pipe(take(3), toArray()))).toHaveLength(3);
    await eventually(() => aborts.includes('three:unsubscribed'), { what: 'the end of the stream' });
  });

  it('gives a nested call what is left of the time', async () => {
    const left = await call('nested', record({}, 10_000));
    // 10,000 ms less the 100 ms that the handler slept, and less what rounding gives back.
    expect(left).toBeLessThan(9_950);
    expect(left).toBeGreaterThan(0);
  });

  it('keeps the code of a HydraError and hides other errors under one id on both sides', async () => {
    await expect(call('refuse', {})).rejects.toMatchObject({ code: 'OVERLOADED', retryable: true });
    const error = await call('crash', {}).catch((caught: unknown) => caught);
    expect(error).toEqual({ status: 'error', message: 'Internal server error' });
    expect((error as { correlationId: string }).correlationId).toMatch(/^[0-9a-f]{32}-\d+$/);
  });

  it.each([
    ['a BigInt', 1n, 'BAD_PAYLOAD'],
    ['a Map', new Map([[1, 2]]), 'BAD_PAYLOAD'],
    ['a cycle', cyclic(), 'BAD_PAYLOAD'],
    ['more than maxPayloadBytes', 'x'.repeat(1_048_577), 'PAYLOAD_TOO_LARGE'],
  ])('refuses to send %s', async (_what, data, code) => {
    await expect(call('echo', { data })).rejects.toMatchObject({ code });
  });

  it('sends a Date as its text', async () => {
    const date = new Date(0);
    expect(await call('echo', { date })).toMatchObject({ data: { date: date.toISOString() } });
  });

  it('asks a generator for no more than its caller takes', async () => {
    const first = await firstValueFrom(client.send('flood', 1_000_000));
    expect(first).toBe(0);
    // The caller left after one value: the producer stands still after its window, and ends.
    expect(produced).toBeLessThan(5_000);
  });

  it('carries a burst of more values than the window holds', async () => {
    const values = await lastValueFrom(client.send<number>('burst', 20_000).pipe(toArray()));
    expect(values).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
  });

  it('ends a stream that runs too far ahead of its caller', async () => {
    await expect(lastValueFrom(client.send('burst', 200_000))).rejects.toMatchObject({
      code: 'REPLY_OVERFLOW',
    });
  });

  it('passes packets through a codec on both sides, sync or async', async () => {
    const coded = uniqueService('coded');
    const wrap = { serialize: async (packet: object) => ({ ...packet, ...wrapped(packet) }) };
    const unwrap = { deserialize: (packet: object) => ({ ...packet, ...unwrapped(packet) }) };
    const codec = { serializer: wrap, deserializer: unwrap };
    const coder = await startService({ service: coded, redis, ...codec }, [PathController]);
    const caller = new HydraClient({ service: coded, redis, ...codec });
    expect(await firstValueFrom(caller.send('echo', 'x'))).toMatchObject({ data: 'x' });
    expect(await lastValueFrom(caller.send('burst', 5).pipe(toArray()))).toEqual([0, 1, 2, 3, 4]);
    await caller.close();
    await coder.close();
  });

  it('calls the processing hooks exactly once around a call', async () => {
    const log: string[] = [];
    const strategy = server.app.get(HydraServer);
    strategy.setOnProcessingStartHook((_id, context, done) => {
      log.push(`start:${(context as HydraContext).getPattern()}`);
      void done();
    });
    strategy.setOnProcessingEndHook((_id, context) =>
      log.push(`end:${(context as HydraContext).getPattern()}`),
    );
    await call('echo', {});
    await lastValueFrom(client.send('burst', 3));
    await call('crash', {}).catch(() => undefined);
    await eventually(() => log.length === 6, { what: 'every hook' });
    expect(log).toEqual(['start:echo', 'end:echo', 'start:burst', 'end:burst', 'start:crash', 'end:crash']);
  });

  it('refuses what is beyond its limits at once, and another instance takes it', async () => {
    const busy = uniqueService('busy');
    const options = { service: busy, redis, calls: { maxConcurrency: 1, maxWaiting: 0 } };
    const one = await startService(options, [PathController]);
    const caller = new HydraClient({ service: busy, redis });
    const first = firstValueFrom(caller.send('slow', 500));
    await eventually(() => caller.instances.length === 1, { what: 'the instance' });
    await expect(firstValueFrom(caller.send('slow', 1))).rejects.toMatchObject({ code: 'OVERLOADED' });
    const two = await startService(options, [PathController]);
    await eventually(() => caller.instances.length === 2, { what: 'both instances' });
    expect(await firstValueFrom(caller.send('slow', 1))).toBe('done');
    expect(await first).toBe('done');
    await caller.close();
    await Promise.all([one.close(), two.close()]);
  });

  it('reports its connection, and what it speaks through', async () => {
    const seen: string[] = [];
    const watched = new HydraClient({ service, redis });
    watched.status.subscribe((status) => seen.push(status));
    watched.on('connected', () => seen.push('event'));
    await watched.connect();
    expect(seen).toContain('connected');
    expect(seen).toContain('event');
    expect(watched.unwrap()).toHaveLength(2);
    await watched.close();
    await watched.close();
    await expect(watched.connect()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(firstValueFrom(watched.send('echo', {}))).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('does not bind a handler of another transport', () => {
    const handlers = server.app.get(HydraServer).getHandlers();
    expect([...handlers.keys()]).toContain('echo');
    expect([...handlers.keys()]).not.toContain('elsewhere');
  });
});

function record(data: unknown, timeoutMs: number) {
  return new HydraRecordBuilder(data).setTimeout(timeoutMs).build();
}

function cyclic(): object {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
}

function wrapped(packet: object): object {
  if ('data' in packet) return { data: { wrapped: packet.data } };
  return 'response' in packet ? { response: { wrapped: packet.response } } : {};
}

function unwrapped(packet: object): object {
  if ('data' in packet) return { data: (packet.data as { wrapped: unknown }).wrapped };
  return 'response' in packet && packet.response !== undefined
    ? { response: (packet.response as { wrapped: unknown }).wrapped }
    : {};
}

describe('a server that stops', () => {
  it('tells the callers it has kept waiting for too long', async () => {
    const service = uniqueService('cut-off');
    const redis = await testRedis();
    const server = await startService({ service, redis, drain: { timeoutMs: 100 } }, [PathController]);
    const client = new HydraClient({ service, redis, calls: { probeAfterMs: 60_000 } });
    await client.connect();
    const cutOff = firstValueFrom(client.send('slow', 3_000));
    await firstValueFrom(client.send('slow', 1));
    const [outcome] = await Promise.all([cutOff.catch((error: unknown) => error), server.close()]);
    expect(outcome).toMatchObject({ code: 'INSTANCE_LOST', mayHaveRun: true });
    await client.close();
  });

  it('lets a handler finish, and the calls that the handler makes', async () => {
    const service = uniqueService('finishing');
    const redis = await testRedis();
    const server = await startService({ service, redis }, [PathController]);
    const client = new HydraClient({ service, redis });
    await client.connect();
    const slow = firstValueFrom(client.send('slow', 300));
    await firstValueFrom(client.send('slow', 1));
    await Promise.all([expect(slow).resolves.toBe('done'), server.close()]);
    await expect(firstValueFrom(client.send('slow', 1))).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    await client.close();
  });
});
