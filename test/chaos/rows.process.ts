import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { range, map } from 'rxjs';

import { HydraModule, HydraServer } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';

/** A service with large answers, in a process of its own, so that a caller that stands still does not hold it up. */
const { REDIS_URL = '', SERVICE = '' } = process.env;

interface Size {
  readonly count: number;
  readonly bytes: number;
}

@Controller()
class RowsController {
  @MessagePattern('rows')
  async *rows({ count, bytes }: Size) {
    for (let n = 0; n < count; n++) yield { n, text: 'x'.repeat(bytes) };
  }

  /** An Observable cannot be held back. */
  @MessagePattern('pushed')
  pushed({ count, bytes }: Size) {
    return range(0, count).pipe(map((n) => ({ n, text: 'x'.repeat(bytes) })));
  }

  @MessagePattern('large')
  large({ bytes }: Size): string {
    return 'x'.repeat(bytes);
  }

  @MessagePattern('echo')
  echo(n: number): number {
    return n;
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: SERVICE, redis: REDIS_URL })],
  controllers: [RowsController],
})
class RowsModule {}

const app = await NestFactory.createMicroservice(RowsModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
await app.listen();
process.stdout.write(`${JSON.stringify({ ready: true, id: app.get(HydraInstance).id })}\n`);
