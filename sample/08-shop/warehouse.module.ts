import { Module } from '@nestjs/common';

import { ProbesController } from './probes.controller.js';
import { inShop } from './service.js';
import { WarehouseWorker } from './warehouse.worker.js';

@Module({ imports: inShop('warehouse'), controllers: [WarehouseWorker, ProbesController] })
export class WarehouseModule {}
