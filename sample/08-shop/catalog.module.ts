import { Module } from '@nestjs/common';
import { HydraModule } from 'nestjs-hydra';

import { CatalogController } from './catalog.controller.js';
import { PriceConfig } from './price.config.js';
import { ProbesController } from './probes.controller.js';
import { inShop } from './service.js';
import { Shelf } from './shelf.js';
import { Storage } from './storage.js';

@Module({
  imports: [
    // Until somebody stores another: npx nestjs-hydra config push catalog:1.0.0 sample/08-shop/catalog.yaml
    ...inShop('catalog', { config: { defaults: { prices: { discount: 0 } } } }),
    HydraModule.forFeature({ configs: [{ type: PriceConfig, path: 'prices' }] }),
  ],
  controllers: [CatalogController, ProbesController],
  providers: [Shelf, Storage],
})
export class CatalogModule {}
