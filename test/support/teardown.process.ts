/** A service whose handlers give Observables with teardowns that throw: in a timer, where nobody of ours can catch it. */
import 'reflect-metadata';
import { Controller, Module, UseInterceptors, type NestInterceptor } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { finalize, map, Observable, tap } from 'rxjs';

import { HydraModule, HydraServer } from '../../lib/index.js';
import { redisOfProcess } from './process-redis.js';

type End = 'complete' | 'error' | 'never';

function values(end: End): Observable<number> {
  return new Observable((subscriber) => {
    const timer = setTimeout(() => {
      subscriber.next(1);
      if (end === 'complete') subscriber.complete();
      if (end === 'error') subscriber.error(new Error('the handler fails'));
    }, 5);
    return () => {
      clearTimeout(timer);
      throw new Error('the teardown fails');
    };
  });
}

function fail(): never {
  throw new Error('finalize fails');
}

/** An interceptor puts operators behind the handler's Observable, and a teardown of its own. */
const interceptor: NestInterceptor = {
  intercept: (_, next) =>
    next.handle().pipe(
      tap(() => undefined),
      finalize(fail),
      map((value: number) => value + 1),
    ),
};

@Controller()
class TeardownController {
  @MessagePattern('plain')
  plain(@Payload() end: End): Observable<number> {
    return values(end);
  }

  @MessagePattern('intercepted')
  @UseInterceptors(interceptor)
  intercepted(@Payload() end: End): Observable<number> {
    return values(end);
  }

  @MessagePattern('operators')
  operators(@Payload() end: End): Observable<number> {
    return values(end).pipe(finalize(fail), map(Number));
  }

  @EventPattern('event')
  event(@Payload() end: End): Observable<number> {
    return values(end);
  }

  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: process.env['SERVICE'] ?? '', ...redisOfProcess() })],
  controllers: [TeardownController],
})
class TeardownModule {}

const app = await NestFactory.createMicroservice(TeardownModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error', 'warn'],
});
await app.listen();
process.stdout.write('{"ready":true}\n');
