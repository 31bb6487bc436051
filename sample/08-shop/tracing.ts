import { ConsoleSpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

/** `SHOP_TRACES=console` prints every span; an application has an exporter to its collector here. */
export function startTracing(): void {
  const isShown = process.env['SHOP_TRACES'] === 'console';
  const spanProcessors = isShown ? [new SimpleSpanProcessor(new ConsoleSpanExporter())] : [];
  new NodeTracerProvider({ spanProcessors }).register();
}
