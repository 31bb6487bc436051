import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HydraModule } from 'nestjs-hydra';

import { GatewayController } from './gateway.controller.js';

@Module({
  imports: [HydraModule.forRoot({ service: 'gateway' }), HydraModule.forFeature({ clients: ['math'] })],
  controllers: [GatewayController],
})
class GatewayModule {}

const app = await NestFactory.create(GatewayModule);
app.enableShutdownHooks();
await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
console.log(JSON.stringify({ ready: true, url: await app.getUrl() }));
