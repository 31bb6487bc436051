import { GatewayModule } from './gateway.module.js';
import { start } from './service.js';

void start(GatewayModule, process.env['PORT'] ?? 3_000);
