import { HydraFactory } from 'nestjs-hydra';

import { GatewayModule } from './gateway.module.js';

async function main(): Promise<void> {
  const app = await HydraFactory.listen(GatewayModule, { http: { host: '127.0.0.1' } });
  console.log(JSON.stringify({ ready: true, url: await app.getUrl() }));
}

void main();
