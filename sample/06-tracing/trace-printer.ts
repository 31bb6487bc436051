import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** Keeps the spans of this process, and draws them: in place of an exporter to a collector. */
export class TracePrinter implements SpanProcessor {
  private readonly spans: ReadableSpan[] = [];

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.spans.push(span);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  /** Whether a span of this name has ended. */
  has(name: string): boolean {
    return this.spans.some((span) => span.name === name);
  }

  /** One line a span, each below the one that it belongs to. */
  draw(): string {
    const ids = new Set(this.spans.map((span) => span.spanContext().spanId));
    const roots = this.spans.filter(({ parentSpanContext }) => !ids.has(parentSpanContext?.spanId ?? ''));
    return roots.map((root) => this.lines(root, 0).join('\n')).join('\n\n');
  }

  private lines(span: ReadableSpan, depth: number): string[] {
    const { spanId, traceId } = span.spanContext();
    const below = this.spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === spanId);
    const [seconds, nanoseconds] = span.duration;
    const ms = (seconds * 1_000 + nanoseconds / 1e6).toFixed(1);
    const what = `${'  '.repeat(depth)}${SpanKind[span.kind].toLowerCase()} ${span.name}`;
    const line = `${what.padEnd(44)} ${ms.padStart(6)} ms${depth === 0 ? `   trace ${traceId}` : ''}`;
    return [line, ...below.flatMap((child) => this.lines(child, depth + 1))];
  }
}
