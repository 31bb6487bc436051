import { Controller, Logger, type NestInterceptor } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { EventPattern, MessagePattern, RpcException } from '@nestjs/microservices';
import { lastValueFrom, toArray } from 'rxjs';

import { HydraClient, HydraError } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let release: (() => void) | undefined;

@Controller()
class GeneratorController {
  @MessagePattern('two')
  async *two() {
    yield 1;
    yield 2;
  }

  @MessagePattern('crash')
  async *crash() {
    yield 1;
    throw new Error('secret');
  }

  @MessagePattern('rpc')
  async *rpc() {
    yield 1;
    throw new RpcException({ code: 5 });
  }

  @MessagePattern('typed')
  async *typed() {
    yield 1;
    throw new HydraError('OVERLOADED', 'not today');
  }

  @MessagePattern('nothing')
  nothing(): void {}

  @EventPattern<string>('noted')
  noted(): Promise<void> {
    return new Promise((resolve) => (release = resolve));
  }
}

const INTERCEPTOR = {
  provide: APP_INTERCEPTOR,
  useValue: { intercept: (_context, next) => next.handle() } satisfies NestInterceptor,
};

describe.each([false, true])('a generator as a handler (an interceptor before it: %s)', (isIntercepted) => {
  let client: HydraClient;

  beforeAll(async () => {
    const service = uniqueService('generators');
    const redis = await testRedis();
    const providers = isIntercepted ? [INTERCEPTOR] : [];
    await startService({ service, redis }, [GeneratorController], providers as never);
    client = new HydraClient(asOwnClient({ service, redis, timeoutMs: 20_000 }));
    atEnd(() => client.close());
    await client.connect();
  });

  const values = (pattern: string) => lastValueFrom(client.send(pattern, {}).pipe(toArray()));

  it('streams its values', async () => {
    expect(await values('two')).toEqual([1, 2]);
  });

  it('keeps what it throws to itself', async () => {
    await expect(values('crash')).rejects.toEqual({ status: 'error', message: 'Internal server error' });
  });

  it('tells what an RpcException and a HydraError say', async () => {
    await expect(values('rpc')).rejects.toEqual({ code: 5 });
    await expect(values('typed')).rejects.toMatchObject({ code: 'OVERLOADED' });
  });

  it('is not needed for a handler without a value to give none', async () => {
    expect(await values('nothing')).toEqual([]);
  });
});

describe('events beyond what may wait', () => {
  it('are dropped, and said to be', async () => {
    const service = uniqueService('dropped');
    const redis = await testRedis();
    const limits = { maxConcurrency: 1, maxWaiting: 0 };
    const { app } = await startService({ service, redis, calls: limits }, [GeneratorController]);
    const lines: string[] = [];
    const quiet = () => undefined;
    app.useLogger({ log: quiet, error: quiet, warn: (line: unknown) => lines.push(String(line)) });
    const client = new HydraClient(asOwnClient({ service, redis, timeoutMs: 20_000 }));
    atEnd(() => client.close());
    await client.connect();
    for (let sent = 0; sent < 3; sent++) client.emit('noted', {});
    await eventually(() => lines.some((line) => line.includes('dropped an event')), { what: 'the line' });
    release?.();
    Logger.overrideLogger(['error']);
  });
});
