import { Module } from '@nestjs/common';
import { HydraModule } from 'nestjs-hydra';

import { GatewayController } from './gateway.controller.js';
import { ProbesController } from './probes.controller.js';
import { inShop } from './service.js';

@Module({
  imports: [...inShop('gateway'), HydraModule.forFeature({ clients: ['catalog', 'accounts'] })],
  controllers: [GatewayController, ProbesController],
})
export class GatewayModule {}
