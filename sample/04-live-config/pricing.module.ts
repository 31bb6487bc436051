import { Module } from '@nestjs/common';
import { HydraModule } from 'nestjs-hydra';

import { PricingConfig } from './pricing.config.js';
import { PricingController } from './pricing.controller.js';

@Module({
  imports: [
    HydraModule.forRoot({
      service: 'pricing',
      version: '1.0.0',
      config: {
        // Until somebody stores one: npx nestjs-hydra config push pricing:1.0.0 sample/04-live-config/pricing.yaml
        defaults: { pricing: { discount: 0 } },
        ...(process.env['FALLBACK_FILE'] && { fallbackFile: process.env['FALLBACK_FILE'] }),
      },
    }),
    HydraModule.forFeature({ configs: [{ type: PricingConfig, path: 'pricing' }] }),
  ],
  controllers: [PricingController],
})
export class PricingModule {}
