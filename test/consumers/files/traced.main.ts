import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { DiscoveryService, getClientToken, HydraClient, HydraFactory, HydraModule } from 'nestjs-hydra';
import { HydraTelemetryModule } from 'nestjs-hydra/telemetry';
import { firstValueFrom } from 'rxjs';

import { MathModule } from './math.module.js';

@Module({ imports: [MathModule, HydraTelemetryModule.forRoot()] })
class TracedMathModule {}

@Module({
  imports: [
    HydraModule.forRoot({ service: 'traced-caller' }),
    HydraModule.forFeature({ clients: ['math'] }),
    HydraTelemetryModule.forRoot(),
  ],
})
class CallerModule {}

async function call(caller: INestApplicationContext): Promise<unknown> {
  await caller.get(DiscoveryService).waitFor('math');
  return firstValueFrom(caller.get<HydraClient>(getClientToken('math')).send('sum', [1, 2, 3]));
}

/** One call between two applications of this process, and the spans of both sides as a line of JSON. */
async function main(): Promise<void> {
  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  const math = await HydraFactory.listen(TracedMathModule);
  const caller = await NestFactory.createApplicationContext(CallerModule);
  await call(caller);
  await caller.close();
  await math.close();
  const spans = exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    kind: span.kind,
    id: span.spanContext().spanId,
    parent: span.parentSpanContext?.spanId,
  }));
  console.log(JSON.stringify({ spans }));
}

void main();
