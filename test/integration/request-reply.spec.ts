import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { concat, EMPTY, firstValueFrom, from, lastValueFrom, of, throwError, toArray } from 'rxjs';

import { HydraClient, HydraError } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const events: string[] = [];

@Controller()
class MathController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @MessagePattern({ cmd: 'sum', v: 2 })
  async sumLater(@Payload() numbers: number[]): Promise<number> {
    return this.sum(numbers);
  }

  @MessagePattern('count')
  count(n: number) {
    return from(Array.from({ length: n }, (_, index) => index));
  }

  @MessagePattern('generate')
  async *generate(n: number) {
    for (let index = 0; index < n; index++) yield index;
  }

  @MessagePattern('nothing')
  nothing(): void {}

  @MessagePattern('null')
  returnNull(): null {
    return null;
  }

  @MessagePattern('empty')
  empty() {
    return EMPTY;
  }

  @MessagePattern('fail')
  fail() {
    throw new RpcException({ code: 42, message: 'no' });
  }

  @MessagePattern('crash')
  crash() {
    throw new Error('secret');
  }

  @MessagePattern('late-failure')
  lateFailure() {
    return concat(
      of(1),
      throwError(() => new RpcException('after one')),
    );
  }

  @MessagePattern('bytes')
  bytes(data: { blob: Uint8Array }) {
    return { length: data.blob.length, blob: Buffer.from(data.blob.toReversed()) };
  }

  @EventPattern('created')
  created(name: string): void {
    events.push(`a:${name}`);
  }

  @EventPattern('created')
  alsoCreated(name: string): void {
    events.push(`b:${name}`);
  }
}

describe('a call', () => {
  const service = uniqueService('math');
  let server: TestService;
  let client: HydraClient;

  beforeAll(async () => {
    const redis = await testRedis();
    server = await startService({ service, redis }, [MathController]);
    client = new HydraClient(asOwnClient({ service, redis }));
    await client.connect();
  });

  afterAll(async () => {
    await client.close();
    await server.close();
  });

  const call = (pattern: unknown, data: unknown) => firstValueFrom(client.send(pattern, data));

  it('is answered with what the handler returns', async () => {
    expect(await call('sum', [1, 2, 3])).toBe(6);
    expect(await call({ v: 2, cmd: 'sum' }, [4, 5])).toBe(9);
    expect(await call('null', {})).toBeNull();
  });

  it('completes without a value when the handler returns none', async () => {
    expect(await lastValueFrom(client.send('nothing', {}).pipe(toArray()))).toEqual([]);
    expect(await lastValueFrom(client.send('empty', {}).pipe(toArray()))).toEqual([]);
  });

  it.each(['count', 'generate'])('brings the values of a stream in order (%s)', async (pattern) => {
    const values = await lastValueFrom(client.send(pattern, 3_000).pipe(toArray()));
    expect(values).toEqual(Array.from({ length: 3_000 }, (_, index) => index));
  });

  it('fails as Nest users know it', async () => {
    await expect(call('fail', {})).rejects.toEqual({ code: 42, message: 'no' });
    await expect(call('crash', {})).rejects.toEqual({ status: 'error', message: 'Internal server error' });
  });

  it('brings the values before a failure', async () => {
    const values: unknown[] = [];
    const failure = await new Promise((resolve) => {
      client.send('late-failure', {}).subscribe({ next: (value) => values.push(value), error: resolve });
    });
    expect(values).toEqual([1]);
    expect(failure).toEqual({ status: 'error', message: 'after one' });
  });

  it('fails with NO_HANDLER when nobody handles its pattern', async () => {
    await expect(call('unknown', {})).rejects.toMatchObject({ code: 'NO_HANDLER', retryable: false });
    await expect(call('summ', {})).rejects.toThrow(/"summ" has no handler at .*: did you mean "sum"/);
    await expect(call('unknown', {})).rejects.toBeInstanceOf(HydraError);
  });

  it('keeps bytes bytes, both ways', async () => {
    const answer = await call('bytes', { blob: Buffer.from([1, 2, 255]) });
    expect(answer).toEqual({ length: 3, blob: Buffer.from([255, 2, 1]) });
  });

  it('fails at once when the service has no instance', async () => {
    const nobody = new HydraClient(
      asOwnClient({ service: uniqueService('nobody'), redis: await testRedis() }),
    );
    await expect(firstValueFrom(nobody.send('sum', [1]))).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    await nobody.close();
  });

  it('runs every handler of an event', async () => {
    await lastValueFrom(client.emit('created', 'x'), { defaultValue: undefined });
    await eventually(() => events.length === 2, { what: 'both handlers' });
    expect(events.toSorted()).toEqual(['a:x', 'b:x']);
  });

  it('reaches every instance when it is broadcast', async () => {
    events.length = 0;
    await lastValueFrom(client.broadcast('created', 'y'));
    await eventually(() => events.length === 2, { what: 'both handlers' });
  });
});
