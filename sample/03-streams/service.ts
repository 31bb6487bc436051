import { Module, type Type } from '@nestjs/common';
import { HydraFactory, HydraModule } from 'nestjs-hydra';

import { NAMESPACE } from './reading.js';

/** Starts a service with one controller: its name is the name of its group. */
export async function startService(service: string, controller: Type): Promise<void> {
  @Module({
    imports: [HydraModule.forRoot({ service, namespace: NAMESPACE })],
    controllers: [controller],
  })
  class ServiceModule {}

  const app = await HydraFactory.listen(ServiceModule, { logger: ['error', 'warn'] });
  process.send?.({ ready: true });
  // Without the process that plays the sensors there is nothing to do.
  process.once('disconnect', () => void app.close());
}
