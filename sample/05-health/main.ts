import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { HydraLogger, HydraModule, HydraServer } from 'nestjs-hydra';

import { HealthController } from './health.controller.js';
import { OrdersController, Warehouse } from './orders.controller.js';

@Module({
  imports: [
    HydraModule.forRoot({ service: 'orders' }),
    TerminusModule.forRoot({ gracefulShutdownTimeoutMs: 0 }),
  ],
  controllers: [HealthController, OrdersController],
  providers: [Warehouse],
})
class OrdersModule {}

const app = await NestFactory.create(OrdersModule, { bufferLogs: true });
// To the console, and to the log that others read with discovery.logs('orders').
app.useLogger(app.get(HydraLogger));
app.enableShutdownHooks();
app.connectMicroservice({ strategy: app.get(HydraServer) });
await app.startAllMicroservices();
await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
console.log(JSON.stringify({ ready: true, url: await app.getUrl() }));
