/**
 * One process of a trace, by its ROLE: each has an SDK that prints the spans that end, `{"span": …}`. It also counts what
 * Redis is asked by this process's own driver, as OpenTelemetry's instrumentation of it would see it.
 */
import 'reflect-metadata';
import { Controller, Get, Module, Req, type INestApplication, type Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { NodeTracerProvider, type ReadableSpan, type SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { firstValueFrom } from 'rxjs';

import {
  HydraClient,
  HydraContext,
  HydraFactory,
  HydraHttpClient,
  HydraModule,
  InjectClient,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { HydraTelemetryModule } from '../../lib/telemetry/telemetry.js';

const { ROLE = '', NAMES = '{}', WORK = 'child' } = process.env;
const names = JSON.parse(NAMES) as Readonly<Record<string, string>>;
const nameOf = (role: string) => names[role] ?? role;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const printer: SpanProcessor = {
  onStart: () => undefined,
  onEnd(span: ReadableSpan) {
    const { traceId, spanId } = span.spanContext();
    const { name, attributes, links, parentSpanContext } = span;
    const parentId = parentSpanContext?.spanId;
    const linked = links.map((link) => link.context.spanId);
    say({
      span: { role: ROLE, traceId, spanId, parentId, name, kind: SpanKind[span.kind], attributes, linked },
    });
  },
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};
new NodeTracerProvider({ spanProcessors: [printer] }).register();
const tracer = trace.getTracer('the application');

/** As OpenTelemetry's own instrumentation of HTTP does. */
async function served<T>(name: string, request: IncomingMessage, act: () => Promise<T>): Promise<T> {
  const around = propagation.extract(context.active(), request.headers);
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, around);
  try {
    return await context.with(trace.setSpan(around, span), act);
  } finally {
    span.end();
  }
}

@Controller()
class GatewayController {
  constructor(
    @InjectClient('prices') private readonly prices: HydraClient,
    private readonly http: HydraHttpClient,
  ) {}

  @Get('buy')
  buy(@Req() request: IncomingMessage): Promise<unknown> {
    return served('GET /buy', request, async () => {
      const answer = await this.http.request(`${nameOf('archive')}:[get]/rate`);
      const rate = await answer.json();
      return firstValueFrom(this.prices.send('price', { rate }));
    });
  }
}

@Controller()
class PricesController {
  constructor(private readonly queue: QueueService) {}

  @MessagePattern('price')
  async price(@Payload() data: unknown): Promise<string> {
    const { id } = await this.queue.add('invoice', data, { service: nameOf('invoices') });
    return id;
  }

  /** Called by Hydra 1.9, with the headers that it was called with. */
  @MessagePattern('note')
  note(@Payload() data: unknown, @Ctx() received: HydraContext): unknown {
    return { data, traceparent: received.getMetadata()?.['traceparent'] };
  }
}

@Controller()
class InvoicesController {
  constructor(private readonly streams: StreamService) {}

  @QueuePattern('invoice')
  async invoice(@Payload() data: unknown): Promise<void> {
    await this.streams.publish(nameOf('sales'), data);
  }
}

@Controller()
class ArchiveController {
  constructor(@InjectClient('legacy') private readonly legacy: HydraClient) {}

  @Get('rate')
  rate(@Req() request: IncomingMessage): Promise<{ rate: number }> {
    return served('GET /rate', request, async () => ({ rate: 7 }));
  }

  @StreamPattern(nameOf('sales'), { from: 'beginning' })
  async sale(): Promise<void> {
    say({ sum: await firstValueFrom(this.legacy.send('sum', [1, 2])) });
  }
}

const controllers: Readonly<Record<string, Type>> = {
  gateway: GatewayController,
  prices: PricesController,
  invoices: InvoicesController,
  archive: ArchiveController,
};

const clients = ['prices', 'legacy'].map((role) => ({ service: nameOf(role), as: role }));

@Module({
  imports: [
    HydraModule.forRoot({ service: nameOf(ROLE) }),
    HydraModule.forFeature({ clients }),
    HydraTelemetryModule.forRoot({ traces: { work: WORK as 'child' } }),
  ],
  controllers: [controllers[ROLE]!],
})
class TracedModule {}

const hasHttp = ROLE === 'gateway' || ROLE === 'archive';
const app = await HydraFactory.listen(TracedModule, {
  logger: ['error', 'warn'],
  ...(hasHttp && { http: { port: 0, host: '127.0.0.1' } }),
});
const http = hasHttp ? ((app as unknown as INestApplication).getHttpServer() as Server) : undefined;
const address = http?.address() as AddressInfo | undefined;
say({ ready: true, port: address?.port });
