import 'reflect-metadata';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HydraModule, HydraServer } from 'nestjs-hydra';

import { NAMESPACE } from './reading.js';

/** Starts a service with one controller: its name is the name of its group. */
export async function startService(service: string, controller: Type): Promise<void> {
  @Module({
    imports: [HydraModule.forRoot({ service, namespace: NAMESPACE })],
    controllers: [controller],
  })
  class ServiceModule {}

  const app = await NestFactory.createMicroservice(ServiceModule, {
    inject: [HydraServer],
    useFactory: (strategy: HydraServer) => ({ strategy }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  process.send?.({ ready: true });
  // Without the process that plays the sensors there is nothing to do.
  process.once('disconnect', () => void app.close());
}
