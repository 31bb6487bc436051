import type { DynamicModule, Type } from '@nestjs/common';
import { HydraFactory, HydraModule, type HydraOptions } from 'nestjs-hydra';
import { HydraTelemetryModule } from 'nestjs-hydra/telemetry';

import { startTracing } from './tracing.js';

/** What all services of the shop have in common: the modules of one of them. */
export const inShop = (service: string, options: Partial<HydraOptions> = {}): DynamicModule[] => [
  HydraModule.forRoot({ service, version: '1.0.0', metrics: { path: '/metrics' }, ...options }),
  // Jobs and entries are in the trace of their order: they are done within seconds.
  HydraTelemetryModule.forRoot({ traces: { work: 'child' } }),
];

/** Starts a service, and says where its HTTP is: the shop's for customers, of the others for probes and metrics only. */
export async function start(module: Type, port: number | string): Promise<void> {
  startTracing();
  const app = await HydraFactory.listen(module, { http: { port, host: '127.0.0.1' } });
  console.log(JSON.stringify({ ready: true, url: await app.getUrl() }));
}
