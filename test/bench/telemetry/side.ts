/** One side of a call: `serve` or `call`, and how much it tells of its work. */
import 'reflect-metadata';
import { Controller, Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace, type Context } from '@opentelemetry/api';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import { firstValueFrom } from 'rxjs';

import type { HydraContext } from '../../../lib/index.js';
import { answerCommands } from '../support/commands.js';
import { HydraClient, HydraModule, HydraRecordBuilder, HydraServer } from '../support/hydra.js';
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
const SHARES: Partial<Record<Variant, number>> = {
  sdk: 0.01,
  'by-hand': 0.01,
  within: 0.01,
  'traces-1': 0.01,
  'traces-100': 1,
};
const share = SHARES[variant];
if (share !== undefined) {
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) });
  const options = { maxQueueSize: 100_000, maxExportBatchSize: 10_000 };
  new NodeTracerProvider({ sampler, spanProcessors: [new BatchSpanProcessor(exporter, options)] }).register();
  // From its first use on, it follows every promise.
  context.with(ROOT_CONTEXT, () => undefined);
}

const isByHand = variant === 'by-hand';
const tracer = trace.getTracer('bench');
/** The request around calls is not sampled. */
const unsampled = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: 0,
});

const add = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0);

/** As an application traces that has nothing but an SDK. */
function addInSpan(numbers: number[], headers: Readonly<Record<string, string>>): number {
  const around: Context = propagation.extract(ROOT_CONTEXT, headers);
  const span = tracer.startSpan('math/sum', { kind: SpanKind.SERVER }, around);
  try {
    return context.with(trace.setSpan(around, span), add, undefined, numbers);
  } finally {
    span.end();
  }
}

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[], @Ctx() received: Pick<HydraContext, 'getMetadata'>): number {
    return isByHand ? addInSpan(numbers, received.getMetadata() ?? {}) : add(numbers);
  }
}

@Module({})
class SideModule {}

const isTraced = ['module', 'within', 'traces-1', 'traces-100'].includes(variant);
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
  const send = (sent: unknown) => firstValueFrom(client.send<number>('sum', sent));
  const sendInSpan = async (numbers: number[]) => {
    const span = tracer.startSpan('math/sum', { kind: SpanKind.CLIENT });
    const headers: Record<string, string> = {};
    propagation.inject(trace.setSpan(context.active(), span), headers);
    try {
      return await send(new HydraRecordBuilder(numbers).setHeaders(headers).build());
    } finally {
      span.end();
    }
  };
  const how = isByHand ? sendInSpan : send;
  const within = (numbers: number[]) => context.with(unsampled, how, undefined, numbers);
  const one = variant === 'within' ? within : how;
  const sum = async (id: number) => (await one([id, 1, 2, 3, 4])) - 10;
  answerCommands({ load: (load: Load) => runLoad(load, sum) });
}

await (role === 'serve' ? serve() : call());
