import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, EventPattern, Payload } from '@nestjs/microservices';
import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { concat, defer, firstValueFrom, lastValueFrom, of } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  DeliveryContext,
  HydraClient,
  HydraLogger,
  HydraModule,
  HydraServer,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { HydraTelemetryModule, type HydraTelemetryOptions } from '../../lib/telemetry/telemetry.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const exporter = new InMemorySpanExporter();
const stream = uniqueService('traced-entries');
/** What each handler found around it. */
const found = new Map<string, string | undefined>();
const note = (what: string) => found.set(what, trace.getActiveSpan()?.spanContext().spanId);

@Controller()
class TracedController {
  @MessagePattern('sum')
  sum(@Payload() values: number[]): number {
    note('call');
    return values.reduce((sum, value) => sum + value, 0);
  }

  @MessagePattern('baggage')
  baggage(): string | undefined {
    return propagation.getActiveBaggage()?.getEntry('tenant')?.value;
  }

  @MessagePattern('values')
  values() {
    return concat(
      of(1),
      defer(async () => {
        await sleep(30);
        note('values');
        return 2;
      }),
    );
  }

  @MessagePattern('fail')
  fail(): never {
    throw new RangeError('no');
  }

  @EventPattern<string>('created')
  created(@Payload() data: unknown): void {
    note('event');
    void data;
  }

  @QueuePattern('work', { attempts: 2, backoff: 1 })
  work(@Payload() data: string): void {
    note('job');
    if (data === 'bad') throw new RangeError('bad work');
  }

  @StreamPattern(stream, { group: 'traced' })
  entry(@Ctx() received: DeliveryContext): void {
    note('entry');
    void received;
  }

  @StreamPattern(stream, { group: 'batched', batch: { size: 10, waitMs: 200 } })
  batch(@Payload() data: unknown[]): void {
    note('batch');
    void data;
  }
}

async function startTraced(
  service: string,
  options?: HydraTelemetryOptions,
  controllers: Type[] = [TracedController],
) {
  @Module({
    imports: [
      HydraModule.forRoot({ service, redis: await testRedis() }),
      HydraTelemetryModule.forRoot(options),
    ],
    controllers,
  })
  class TracedModule {}
  const app = await NestFactory.createMicroservice(TracedModule, {
    inject: [HydraServer],
    useFactory: (strategy: HydraServer) => ({ strategy }),
    logger: false,
  });
  atEnd(() => app.close());
  await app.listen();
  return app;
}

const spans = () => exporter.getFinishedSpans();
const named = (name: string, kind?: SpanKind) =>
  spans().filter((span) => span.name === name && (kind === undefined || span.kind === kind));
const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const ended = async (name: string, kind?: SpanKind, count = 1): Promise<readonly ReadableSpan[]> => {
  await eventually(() => named(name, kind).length >= count, { what: `${count} × ${name}` });
  return named(name, kind);
};

describe('a process with OpenTelemetry', () => {
  const service = uniqueService('traced');
  const method = (pattern: string) => `${service}/${pattern}`;
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 3_600_000,
  });
  const meters = new MeterProvider({ readers: [reader] });
  let client: HydraClient;
  let app: Awaited<ReturnType<typeof startTraced>>;

  beforeAll(async () => {
    new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
    metrics.setGlobalMeterProvider(meters);
    atEnd(() => {
      for (const api of [trace, context, propagation, metrics]) api.disable();
    });
    app = await startTraced(service);
    client = new HydraClient({ service, redis: await testRedis(), name: 'caller' });
    atEnd(() => client.close());
    await client.connect();
  });
  beforeEach(() => {
    exporter.reset();
    found.clear();
  });

  it('makes one span on each side of a call, and runs the handler in its own', async () => {
    const tracer = trace.getTracer('test');
    await tracer.startActiveSpan('around', async (around) => {
      expect(await firstValueFrom(client.send('sum', [1, 2]))).toBe(3);
      around.end();
    });
    const [around] = named('around');
    const [sent] = await ended(method('sum'), SpanKind.CLIENT);
    const [handled] = await ended(method('sum'), SpanKind.SERVER);
    expect(sent!.parentSpanContext?.spanId).toBe(idOf(around!));
    expect(handled!.parentSpanContext?.spanId).toBe(idOf(sent!));
    expect(found.get('call')).toBe(idOf(handled!));
    for (const span of [sent!, handled!]) {
      expect(span.attributes).toEqual({
        'rpc.system.name': 'hydra',
        'rpc.method': method('sum'),
        'server.address': service,
        'rpc.status_code': 'OK',
      });
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
    }
  });

  it('takes the context of each sender, also of those whose calls leave together', async () => {
    const tracer = trace.getTracer('test');
    const call = (name: string) =>
      tracer.startActiveSpan(name, async (span) => {
        await firstValueFrom(client.send('sum', []));
        span.end();
      });
    await Promise.all(['a', 'b', 'c'].map(call));
    const sent = await ended(method('sum'), SpanKind.CLIENT, 3);
    const parents = sent.map(({ parentSpanContext }) => parentSpanContext!.spanId);
    expect(parents.toSorted()).toEqual(['a', 'b', 'c'].map((name) => idOf(named(name)[0]!)).toSorted());
  });

  it('carries baggage', async () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
    const around = propagation.setBaggage(context.active(), baggage);
    expect(await context.with(around, () => firstValueFrom(client.send('baggage', {})))).toBe('acme');
  });

  it('has a span last as long as the values of an answer', async () => {
    expect(await lastValueFrom(client.send('values', {}))).toBe(2);
    const [handled] = await ended(method('values'), SpanKind.SERVER);
    expect(found.get('values')).toBe(idOf(handled!));
    expect(handled!.duration[0] * 1e3 + handled!.duration[1] / 1e6).toBeGreaterThanOrEqual(25);
  });

  it('says what a call failed with on both sides', async () => {
    await expect(firstValueFrom(client.send('fail', {}))).rejects.toBeDefined();
    const [sent] = await ended(method('fail'), SpanKind.CLIENT);
    const [handled] = await ended(method('fail'), SpanKind.SERVER);
    for (const span of [sent!, handled!]) {
      expect(span.status.code).toBe(SpanStatusCode.ERROR);
      expect(span.attributes['error.type']).toBe('Error');
    }
  });

  it('has a span of a call that no handler took, whose pattern is no name', async () => {
    await expect(firstValueFrom(client.send('nowhere', {}))).rejects.toMatchObject({ code: 'NO_HANDLER' });
    const [refused] = await ended('hydra', SpanKind.SERVER);
    expect(refused!.attributes).toMatchObject({
      'rpc.method': '_OTHER',
      'rpc.method_original': method('nowhere'),
      'error.type': 'NO_HANDLER',
    });
    const [sent] = named(method('nowhere'), SpanKind.CLIENT);
    expect(refused!.parentSpanContext?.spanId).toBe(idOf(sent!));
  });

  it('has one span of a call with all its attempts, which are events of it', async () => {
    const other = await startService({ service, redis: await testRedis() }, [TracedController]);
    await eventually(() => client.instances.length === 2, { what: 'the second instance' });
    const { sources } = other.app.get<unknown, { sources: { reader: { refuse(): void } }[] }>(HydraServer);
    sources[0]!.reader.refuse();
    const retried = await eventually(
      async () => {
        await firstValueFrom(client.send('sum', [1]));
        return named(method('sum'), SpanKind.CLIENT).find(({ events }) => events.length > 0);
      },
      { what: 'a call that is sent again' },
    );
    expect(retried.events).toMatchObject([{ name: 'hydra.retry', attributes: { 'hydra.attempt': 2 } }]);
    await other.close();
  });

  it('traces an event to its handler', async () => {
    await firstValueFrom(client.emit('created', {}), { defaultValue: undefined });
    const [handled] = await ended(`process ${method('created')}`, SpanKind.CONSUMER);
    const [sent] = named(`emit ${method('created')}`, SpanKind.PRODUCER);
    expect(handled!.parentSpanContext?.spanId).toBe(idOf(sent!));
    expect(found.get('event')).toBe(idOf(handled!));
  });

  it('links each attempt of a job to its addition', async () => {
    const queue = app.get(QueueService);
    await expect(queue.add('work', 'bad').result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    const attempts = await ended(`process ${service}`, SpanKind.CONSUMER, 2);
    const [added] = named(`add ${service}`, SpanKind.PRODUCER);
    for (const [index, attempt] of attempts.entries()) {
      expect(attempt.links.map((link) => link.context.spanId)).toEqual([idOf(added!)]);
      expect(attempt.parentSpanContext).toBeUndefined();
      expect(attempt.attributes).toMatchObject({ 'hydra.attempt': index + 1, 'error.type': 'RangeError' });
    }
    expect(found.get('job')).toBe(idOf(attempts[1]!));
  });

  it('links an entry, and a batch, to what they were published in', async () => {
    const streams = app.get(StreamService);
    await Promise.all([1, 2].map((n) => streams.publish(stream, { n })));
    await eventually(() => found.has('batch') && named(`process ${stream}`).length >= 3, {
      what: 'two entries and a batch',
    });
    const published = named(`publish ${stream}`, SpanKind.PRODUCER).map(idOf);
    const handled = named(`process ${stream}`);
    const linksOf = (group: string) =>
      handled
        .filter(({ attributes }) => attributes['messaging.consumer.group.name'] === group)
        .flatMap(({ links }) => links.map((link) => link.context.spanId));
    expect(linksOf('traced').toSorted()).toEqual(published.toSorted());
    expect(linksOf('batched').toSorted()).toEqual(published.toSorted());
  });

  it('marks the lines of its log with trace and span', async () => {
    const logger = new HydraLogger(app.get(HydraServer)['instance']).wrap({
      log() {},
      error() {},
      warn() {},
    });
    await trace.getTracer('test').startActiveSpan('logging', async (span) => {
      logger.log('inside');
      span.end();
    });
    await logger.flush();
    const { discovery } = app.get(HydraServer)['instance'];
    const { traceId, spanId } = named('logging')[0]!.spanContext();
    const entries = await discovery.logs(service, { trace: traceId });
    expect(entries).toMatchObject([{ message: 'inside', traceId, spanId }]);
  });

  it('records durations by the names of the conventions, and gives its own gauges', async () => {
    await firstValueFrom(client.send('sum', [1]));
    const { resourceMetrics } = await reader.collect();
    const all = resourceMetrics.scopeMetrics.flatMap(({ metrics: some }) => some);
    const one = (name: string) => all.find(({ descriptor }) => descriptor.name === name);
    const calls = one('rpc.server.call.duration')!;
    expect(calls.descriptor.unit).toBe('s');
    const codes = calls.dataPoints.map(({ attributes }) => [
      attributes['rpc.method'],
      attributes['error.type'],
    ]);
    expect(codes).toContainEqual([method('sum'), undefined]);
    expect(codes).toContainEqual([method('fail'), 'Error']);
    expect(codes).toContainEqual(['_OTHER', 'NO_HANDLER']);
    for (const name of [
      'rpc.client.call.duration',
      'messaging.process.duration',
      'messaging.client.sent.messages',
    ])
      expect(one(name)?.dataPoints.length).toBeGreaterThan(0);
    expect(one('hydra.connection.up')!.dataPoints).toMatchObject([{ value: 1, attributes: { service } }]);
  });
});

describe('HydraTelemetryModule', () => {
  it('refuses what it does not know', () => {
    expect(() => HydraTelemetryModule.forRoot({ trace: true } as never)).toThrow(/"?trace"?/);
    expect(() => HydraTelemetryModule.forRoot({ traces: { work: 'both' as never } })).toThrow(
      /traces.work of HydraTelemetryModule.forRoot must be 'link' or 'child', got "both"/,
    );
  });
});
