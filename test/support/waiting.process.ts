/** An application that waits in `listen()` for a Redis that is not there: `HYDRA_TEST_OPTIONS` has its options as JSON. */
import 'reflect-metadata';

import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';

import { HydraModule, HydraServer, type HydraOptions } from '../../lib/index.js';

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.length;
  }
}

const options = JSON.parse(process.env['HYDRA_TEST_OPTIONS']!) as HydraOptions;

@Module({ imports: [HydraModule.forRoot(options)], controllers: [SumController] })
class AppModule {}

const isHybrid = process.argv.includes('--hybrid');
setTimeout(() => process.stdout.write('{"ready":true}\n'), 1_500);
if (isHybrid) {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.connectMicroservice({ strategy: app.get(HydraServer) });
  app.enableShutdownHooks();
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
} else {
  const app = await NestFactory.createMicroservice(AppModule, {
    logger: ['error', 'warn'],
    inject: [HydraServer],
    useFactory: (strategy: HydraServer) => ({ strategy }),
  } as never);
  app.enableShutdownHooks();
  await app.listen();
}
process.stdout.write('{"listening":true}\n');
