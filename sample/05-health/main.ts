import { HydraFactory, HydraLogger } from 'nestjs-hydra';

import { OrdersModule } from './orders.module.js';

async function main(): Promise<void> {
  const app = await HydraFactory.create(OrdersModule, { bufferLogs: true });
  // To the console, and to the log that others read with discovery.logs('orders').
  app.useLogger(app.get(HydraLogger));
  await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
  console.log(JSON.stringify({ ready: true, url: await app.getUrl() }));
}

void main();
