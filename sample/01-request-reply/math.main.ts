import { DiscoveryService, HydraFactory } from 'nestjs-hydra';

import { MathModule } from './math.module.js';

async function main(): Promise<void> {
  const app = await HydraFactory.listen(MathModule);
  console.log(JSON.stringify({ ready: true, instance: app.get(DiscoveryService).instanceId }));
}

void main();
