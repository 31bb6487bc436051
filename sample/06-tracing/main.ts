import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';

import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { DiscoveryService, HydraFactory, HydraModule } from 'nestjs-hydra';
import { HydraTelemetryModule } from 'nestjs-hydra/telemetry';

import { ArchiveController } from './archive.controller.js';
import { InvoicesController } from './invoices.controller.js';
import { PricesController } from './prices.controller.js';
import { ShopController } from './shop.controller.js';
import { TracePrinter } from './trace-printer.js';

const NAMESPACE = 'sample-tracing';
const LAST = 'process sales';
const PATIENCE_MS = 30_000;

const printer = new TracePrinter();
new NodeTracerProvider({ spanProcessors: [printer] }).register();

@Module({})
class ServiceModule {}

/** Four services of one process, to have it all in one terminal; each could be on a machine of its own. */
function serviceOf(service: string, controller: Type): DynamicModule {
  return {
    module: ServiceModule,
    imports: [
      HydraModule.forRoot({ service, namespace: NAMESPACE }),
      HydraModule.forFeature({ clients: ['prices'] }),
      HydraTelemetryModule.forRoot({ traces: { work: 'child' } }),
    ],
    controllers: [controller],
  };
}

const options = { logger: ['error', 'warn'] as ('error' | 'warn')[] };
const apps = await Promise.all([
  HydraFactory.listen(serviceOf('prices', PricesController), options),
  HydraFactory.listen(serviceOf('invoices', InvoicesController), options),
  HydraFactory.listen(serviceOf('archive', ArchiveController), options),
]);
const shop = await HydraFactory.listen(serviceOf('shop', ShopController), {
  ...options,
  http: { port: 0, host: '127.0.0.1' },
});
await shop.get(DiscoveryService).waitFor('prices');

const answer = await fetch(`${await shop.getUrl()}/orders`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ article: 'teapot' }),
});
console.log(`sold: ${await answer.text()}\n`);
for (const end = performance.now() + PATIENCE_MS; !printer.has(LAST) && performance.now() < end;)
  await sleep(20);
console.log(printer.draw());

await Promise.all([shop, ...apps].map((app) => app.close()));
process.exitCode = printer.has(LAST) ? 0 : 1;
