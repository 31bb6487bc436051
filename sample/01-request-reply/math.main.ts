import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DiscoveryService, HydraModule, HydraServer } from 'nestjs-hydra';

import { MathController } from './math.controller.js';

@Module({
  imports: [HydraModule.forRoot({ service: 'math' })],
  controllers: [MathController],
})
class MathModule {}

const app = await NestFactory.createMicroservice(MathModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
});
app.enableShutdownHooks();
await app.listen();
console.log(JSON.stringify({ ready: true, instance: app.get(DiscoveryService).instanceId }));
