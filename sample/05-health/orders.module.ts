import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HydraModule } from 'nestjs-hydra';

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
export class OrdersModule {}
