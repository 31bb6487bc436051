import {
  ArgumentsHost,
  Catch,
  Controller,
  Inject,
  Injectable,
  Module,
  ParseIntPipe,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import {
  CONTEXT,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  type RequestContext,
} from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import { EMPTY, firstValueFrom, from, lastValueFrom, map, of, reduce, throwError, toArray } from 'rxjs';

import { HydraClient, HydraModule, HydraServer } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { asOwnClient, asOwnUser } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const trail: string[] = [];
const made = { controllers: 0, services: 0, statics: 0 };

@Injectable()
class TrailGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    trail.push(`guard ${context.getType()}`);
    return context.switchToRpc().getData<{ deny?: boolean } | undefined>()?.deny !== true;
  }
}

@Injectable()
class TrailInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    trail.push('interceptor');
    return next.handle().pipe(map((value: unknown) => ({ wrapped: value })));
  }
}

@Injectable()
class TrailPipe implements PipeTransform {
  transform(value: unknown): unknown {
    trail.push('pipe');
    return value;
  }
}

@Catch(RangeError)
class RangeFilter implements ExceptionFilter<RangeError> {
  catch(error: RangeError, host: ArgumentsHost) {
    trail.push(`filter ${host.getType()}`);
    return error.message === 'nothing' ? EMPTY : throwError(() => ({ filtered: error.message }));
  }
}

class Order {
  @IsInt()
  amount!: number;
}

@Controller()
class EnhancedController {
  @UseGuards(TrailGuard)
  @UseInterceptors(TrailInterceptor)
  @UsePipes(TrailPipe)
  @MessagePattern('enhanced')
  enhanced(@Payload() data: unknown): unknown {
    trail.push('handler');
    return data;
  }

  @UseGuards(TrailGuard)
  @UsePipes(TrailPipe)
  @EventPattern<string>('enhanced-event')
  enhancedEvent(): void {
    trail.push('event');
  }

  @UseFilters(RangeFilter)
  @MessagePattern('filtered')
  filtered(message: string): never {
    throw new RangeError(message);
  }

  @UsePipes(new ValidationPipe({ exceptionFactory: () => new RpcException('not an order') }))
  @MessagePattern('validated')
  validated(@Payload() order: Order): number {
    return order.amount;
  }

  @MessagePattern('parsed')
  parsed(@Payload('n', ParseIntPipe) n: number): number {
    return n + 1;
  }
}

@Injectable()
class StaticService {
  constructor() {
    made.statics++;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestService {
  constructor(@Inject(CONTEXT) readonly context: RequestContext<{ n: number }>) {
    made.services++;
  }
}

@Controller({ scope: Scope.REQUEST })
class ScopedController {
  constructor(
    private readonly service: RequestService,
    readonly shared: StaticService,
  ) {
    made.controllers++;
  }

  @MessagePattern('scoped')
  scoped(): unknown {
    const { data, pattern } = this.service.context;
    return { ...data, pattern };
  }
}

/** The handlers of Nest's own transport suites. */
@Controller()
class NestController {
  @MessagePattern({ cmd: 'sum' })
  sum(numbers: number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @MessagePattern({ cmd: 'asyncSum' })
  async asyncSum(numbers: number[]): Promise<number> {
    return this.sum(numbers);
  }

  @MessagePattern({ cmd: 'streamSum' })
  streamSum(numbers: number[]) {
    return of(this.sum(numbers));
  }

  @MessagePattern({ cmd: 'streaming' })
  streaming(numbers: number[]) {
    return from(numbers);
  }

  @MessagePattern('exception')
  exception() {
    return throwError(() => new RpcException('test'));
  }
}

describe('a handler', () => {
  const service = uniqueService('enhanced');
  let client: HydraClient;

  beforeAll(async () => {
    const redis = await testRedis();
    const controllers = [EnhancedController, ScopedController, NestController];
    await startService({ service, redis }, controllers, [StaticService, RequestService]);
    client = new HydraClient(asOwnClient({ service, redis }));
    atEnd(() => client.close());
  });
  beforeEach(() => (trail.length = 0));

  const call = <T>(pattern: unknown, data: unknown) => firstValueFrom(client.send<T>(pattern, data));

  it('has its guards, interceptors and pipes around it, in Nest’s order', async () => {
    expect(await call('enhanced', { a: 1 })).toEqual({ wrapped: { a: 1 } });
    expect(trail).toEqual(['guard rpc', 'interceptor', 'pipe', 'handler']);
  });

  it('is not reached past a guard that says no, and the caller is told', async () => {
    await expect(call('enhanced', { deny: true })).rejects.toEqual({
      status: 'error',
      message: 'Forbidden resource',
    });
    expect(trail).toEqual(['guard rpc']);
  });

  it('has them around an event too', async () => {
    await lastValueFrom(client.emit('enhanced-event', {}), { defaultValue: undefined });
    await eventually(() => trail.includes('event'), { what: 'the event' });
    expect(trail).toEqual(['guard rpc', 'pipe', 'event']);
  });

  it('has its filters: they may answer with an error or with nothing', async () => {
    await expect(call('filtered', 'too much')).rejects.toEqual({ filtered: 'too much' });
    expect(await lastValueFrom(client.send('filtered', 'nothing').pipe(toArray()))).toEqual([]);
    expect(trail).toEqual(['filter rpc', 'filter rpc']);
  });

  it('has its pipes validate and change what came', async () => {
    expect(await call('validated', { amount: 5 })).toBe(5);
    await expect(call('validated', { amount: 'x' })).rejects.toMatchObject({ message: 'not an order' });
    expect(await call('parsed', { n: '41' })).toBe(42);
  });

  it('is made anew for each call where it is request-scoped, with the call’s data', async () => {
    const answers = await Promise.all([1, 2, 3].map((n) => call('scoped', { n })));
    expect(answers).toEqual([1, 2, 3].map((n) => ({ n, pattern: 'scoped' })));
    expect(made).toEqual({ controllers: 3, services: 3, statics: 1 });
  });

  it.each(['sum', 'asyncSum', 'streamSum'])('answers as Nest’s suites ask: %s', async (cmd) => {
    expect(await call({ cmd }, [1, 2, 3, 4, 5])).toBe(15);
  });

  it('answers many callers at once, each with its own', async () => {
    const lists = Array.from({ length: 10 }, (_, k) => Array.from({ length: 10 }, (_value, n) => k * n));
    const sums = await Promise.all(lists.map((numbers) => call({ cmd: 'sum' }, numbers)));
    expect(sums).toEqual(lists.map((numbers) => numbers.reduce((a, b) => a + b, 0)));
  });

  it('streams: all values and the completion arrive, in order', async () => {
    const sum = client.send<number>({ cmd: 'streaming' }, [1, 2, 3, 4, 5]).pipe(reduce((a, b) => a + b));
    expect(await lastValueFrom(sum)).toBe(15);
  });

  it('fails with what an RpcException says', async () => {
    await expect(call('exception', {})).rejects.toEqual({ status: 'error', message: 'test' });
  });

  it('gives errors of the caller’s own making where the client overrides serializeError', async () => {
    class StrictClient extends HydraClient {
      override serializeError(error: unknown): RpcException {
        return new RpcException(error as object);
      }
    }
    const strict = new StrictClient({ service, redis: await testRedis() });
    atEnd(() => strict.close());
    await expect(firstValueFrom(strict.send('exception', {}))).rejects.toBeInstanceOf(RpcException);
    await expect(call('exception', {})).rejects.not.toBeInstanceOf(RpcException);
  });
});

describe('global enhancers', () => {
  it('are around the handlers of a microservice', async () => {
    const service = uniqueService('global');
    const redis = await testRedis();
    @Module({
      imports: [HydraModule.forRoot(asOwnUser({ service, redis }))],
      controllers: [NestController],
      providers: [{ provide: APP_GUARD, useClass: TrailGuard }],
    })
    class GlobalModule {}
    const app = await NestFactory.createMicroservice(GlobalModule, {
      inject: [HydraServer],
      useFactory: (strategy: HydraServer) => ({ strategy }),
      logger: ['error'],
    });
    atEnd(() => app.close());
    app.useGlobalInterceptors(new TrailInterceptor());
    app.useGlobalPipes(new TrailPipe());
    await app.listen();
    trail.length = 0;
    const client = new HydraClient(asOwnClient({ service, redis }));
    atEnd(() => client.close());
    expect(await firstValueFrom(client.send({ cmd: 'sum' }, [1, 2]))).toEqual({ wrapped: 3 });
    expect(trail).toEqual(['guard rpc', 'interceptor', 'pipe']);
  });
});

describe('a server that was closed', () => {
  it('runs no handler any more, also for a call that was on its way', async () => {
    const service = uniqueService('closed');
    const redis = await testRedis();
    const running = await startService({ service, redis }, [EnhancedController]);
    const client = new HydraClient(asOwnClient({ service, redis, timeoutMs: 2_000 }));
    atEnd(() => client.close());
    await firstValueFrom(client.send('enhanced', {}));
    const calls = Array.from({ length: 50 }, () => firstValueFrom(client.send('enhanced', {})));
    const outcomes = Promise.allSettled(calls);
    await running.close();
    const handled = trail.length;
    const failed = (await outcomes).filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    for (const { reason } of failed) {
      expect(['DRAINING', 'NO_INSTANCE']).toContain((reason as { code: string }).code);
    }
    await expect(firstValueFrom(client.send('enhanced', {}))).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    expect(trail).toHaveLength(handled);
  });
});
