/** One side of a call: `serve` or `call`, and how much it tells of its work. */
import 'reflect-metadata';
import { Controller, Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import { firstValueFrom } from 'rxjs';

import { answerCommands } from '../support/commands.js';
import { HydraClient, HydraModule, HydraServer } from '../support/hydra.js';
import { runLoad, type Load } from '../support/load.js';
import type { Variant } from './variants.js';

const compiled = new URL('../../../dist/telemetry/telemetry.js', import.meta.url).href;
const { HydraTelemetryModule } = (await import(
  compiled
)) as typeof import('../../../lib/telemetry/telemetry.js');

const [role, variant, redis] = process.argv.slice(2) as ['serve' | 'call', Variant, string];
const service = `bench-telemetry-${variant}`;

const exporter = new InMemorySpanExporter();
// As an exporter to a collector would, it forgets what it was given.
setInterval(() => exporter.reset(), 200).unref();
const SHARES: Partial<Record<Variant, number>> = { sdk: 0.01, 'traces-1': 0.01, 'traces-100': 1 };
const share = SHARES[variant];
if (share !== undefined) {
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) });
  const options = { maxQueueSize: 100_000, maxExportBatchSize: 10_000 };
  new NodeTracerProvider({ sampler, spanProcessors: [new BatchSpanProcessor(exporter, options)] }).register();
  // From its first use on, it follows every promise.
  context.with(ROOT_CONTEXT, () => undefined);
}

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.reduce((sum, number) => sum + number, 0);
  }
}

@Module({})
class SideModule {}

const isTraced = ['module', 'traces-1', 'traces-100'].includes(variant);
const module: DynamicModule = {
  module: SideModule,
  imports: [
    HydraModule.forRoot({
      service: role === 'serve' ? service : `${service}-caller`,
      redis,
      metrics: { enabled: variant !== 'nothing' },
    }),
    HydraModule.forFeature({ clients: [service] }),
    ...(isTraced ? [HydraTelemetryModule.forRoot({ metrics: false })] : []),
  ],
  controllers: role === 'serve' ? [SumController] : [],
};

async function serve(): Promise<void> {
  const app = await NestFactory.createMicroservice(module, {
    inject: [HydraServer],
    useFactory: (strategy: InstanceType<typeof HydraServer>) => ({ strategy }),
    logger: false,
  });
  await app.listen();
  answerCommands({});
}

async function call(): Promise<void> {
  const app: INestApplicationContext = await NestFactory.createApplicationContext(module, { logger: false });
  const client = app.get<InstanceType<typeof HydraClient>>(`HYDRA_CLIENT:${service}`);
  await client.connect();
  const sum = async (id: number) => (await firstValueFrom(client.send<number>('sum', [id, 1, 2, 3, 4]))) - 10;
  answerCommands({ load: (load: Load) => runLoad(load, sum) });
}

await (role === 'serve' ? serve() : call());
