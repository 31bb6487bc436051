import 'reflect-metadata';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload, type ClientProxy } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, range, reduce, type Observable } from 'rxjs';

import { sum, type Body, type Calls } from '../peer.js';

const SLOWNESS_MS = Number(process.env['BENCH_WORK_MS'] ?? 1);
let worked = 0;

/** How many calls of `work` this process took. */
export const workCount = () => worked;

/** The handlers of every transport that Nest has: the same class, so that only the transport differs. */
@Controller()
export class MathController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return sum(numbers);
  }

  @MessagePattern('echo')
  echo(@Payload() body: Body): Body {
    return body;
  }

  @MessagePattern('count')
  count(@Payload() values: number): Observable<number> {
    return range(1, values);
  }

  @MessagePattern('work')
  async work(@Payload() id: number): Promise<number> {
    worked++;
    await new Promise((resolve) => setTimeout(resolve, SLOWNESS_MS));
    return id;
  }
}

/** Listens with a transport's options, or with a strategy that is injected. */
export async function serveNest(
  options: object,
  imports: NonNullable<Parameters<typeof Module>[0]['imports']> = [],
) {
  @Module({ imports, controllers: [MathController] })
  class MathModule {}
  const app = await NestFactory.createMicroservice(MathModule as Type, { ...options, logger: ['error'] });
  await app.listen();
  return app;
}

/** The calls of any of Nest's clients, made as an application makes them. */
export function nestCalls(client: Pick<ClientProxy, 'send'>): Calls {
  return {
    sum: (numbers) => firstValueFrom(client.send<number>('sum', numbers)),
    echo: (body) => firstValueFrom(client.send<Body>('echo', body)),
    count: (values) =>
      lastValueFrom(client.send<number>('count', values).pipe(reduce((total, value) => total + value, 0))),
    work: (id) => firstValueFrom(client.send<number>('work', id)),
  };
}
