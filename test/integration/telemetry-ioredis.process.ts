/**
 * A service with OpenTelemetry's own instrumentation of ioredis beside the telemetry of this library. Says what each of the
 * two made, `{"idle": …}` and `{"busy": …}`: by the name of a command, how many spans of it have a parent and how many have
 * none.
 */
import 'reflect-metadata';
import { createRequire } from 'node:module';

import { Controller, Module } from '@nestjs/common';
import { Ctx, MessagePattern } from '@nestjs/microservices';
import { trace } from '@opentelemetry/api';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import {
  DeliveryContext,
  HydraClient,
  HydraFactory,
  HydraModule,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { HydraTelemetryModule } from '../../lib/telemetry/telemetry.js';

const { SERVICE = '', REDIS = '', REQUIRE_PARENT = 'true', IDLE_MS = '3000' } = process.env;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
const instrumentation = new IORedisInstrumentation({ requireParentSpan: REQUIRE_PARENT === 'true' });
instrumentation.setTracerProvider(provider);
// What is required through its hook is patched, for whoever has imported it too.
createRequire(import.meta.url)('ioredis');

const own = new Redis(REDIS);

@Controller()
class WorkController {
  @MessagePattern('look')
  look(): Promise<string | null> {
    return own.get('nothing');
  }

  @QueuePattern('work')
  work(@Ctx() received: DeliveryContext): void {
    void received;
  }

  @StreamPattern(`${SERVICE}-entries`, { from: 'beginning' })
  entry(): void {
    say({ entry: true });
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: SERVICE, redis: REDIS }), HydraTelemetryModule.forRoot()],
  controllers: [WorkController],
})
class InstrumentedModule {}

/** By its name: how many commands have a span around them, and how many have none. */
function commands(): Record<string, { inside: number; alone: number }> {
  const counts: Record<string, { inside: number; alone: number }> = {};
  const isCommand = ({ instrumentationScope }: ReadableSpan) => instrumentationScope.name.includes('ioredis');
  for (const span of exporter.getFinishedSpans().filter(isCommand)) {
    const count = (counts[span.name] ??= { inside: 0, alone: 0 });
    count[span.parentSpanContext ? 'inside' : 'alone']++;
  }
  return counts;
}

const app = await HydraFactory.listen(InstrumentedModule, { logger: ['error'] });
const client = new HydraClient({ service: SERVICE, redis: REDIS });
await client.connect();
say({ ready: true });

exporter.reset();
setTimeout(() => void idled(), Number(IDLE_MS));

async function idled(): Promise<void> {
  const others = exporter.getFinishedSpans().length;
  say({ idle: commands(), spans: others });
  exporter.reset();
  await trace.getTracer('the application').startActiveSpan('around', async (span) => {
    for (let n = 0; n < 20; n++) await firstValueFrom(client.send('look', {}));
    for (let n = 0; n < 20; n++) await app.get(QueueService).add('work', {}).result();
    for (let n = 0; n < 20; n++) await app.get(StreamService).publish(`${SERVICE}-entries`, {});
    span.end();
  });
  say({ busy: commands() });
}
