import { CatalogModule } from './catalog.module.js';
import { start } from './service.js';

void start(CatalogModule, 0);
