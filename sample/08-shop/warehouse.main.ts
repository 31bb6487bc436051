import { WarehouseModule } from './warehouse.module.js';
import { start } from './service.js';

void start(WarehouseModule, 0);
