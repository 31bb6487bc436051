import type { Context, Span, SpanContext } from '@opentelemetry/api';

import type { OpenTelemetry } from './open-telemetry.js';
import { putsSpan, type PutSpan } from './span-in-context.js';

export type Headers = Readonly<Record<string, string>>;

const TRACE_PARENT = 'traceparent';
const TRACE_STATE = 'tracestate';
const BAGGAGE = 'baggage';
/** What the propagators of the W3C's recommendations write. */
const W3C: readonly string[] = [TRACE_PARENT, TRACE_STATE, BAGGAGE];

const WELL_FORMED = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-0[\da-f]$/;
const TRACE_ID_AT = 3;
const SPAN_ID_AT = 36;
const FLAGS_AT = 53;

/** Foreign processes write headers, too: only text is read. */
const GETTER = {
  keys: (headers: Headers) => Object.keys(headers),
  get: (headers: Headers, name: string) => {
    const value: unknown = headers[name];
    return typeof value === 'string' ? value : undefined;
  },
};

/**
 * Writes contexts into headers and reads them back, as the application's propagator does. Where that is the W3C's, and there
 * is nothing to write or to read but `traceparent`, it is done here: general propagators cost more than all else of a call
 * that is not sampled.
 */
export class Carrier {
  readonly put: PutSpan;

  constructor(private readonly api: OpenTelemetry) {
    this.put = putsSpan(api.trace, api.ROOT_CONTEXT);
  }

  /** The context around the sender, with the span of what is sent. */
  inject(around: Context, span: Span, headers: Record<string, string>): void {
    const { propagation } = this.api;
    const own = span.spanContext();
    if (this.isPlain(own) && !propagation.getBaggage(around) && this.isW3c())
      headers[TRACE_PARENT] = `00-${own.traceId}-${own.spanId}-0${own.traceFlags.toString(16)}`;
    else propagation.inject(this.put(around, span), headers);
  }

  /** The context that these headers came with. */
  extract(headers: Headers): Context {
    const { ROOT_CONTEXT, propagation, trace } = this.api;
    const parent = GETTER.get(headers, TRACE_PARENT);
    const isAlone = headers[TRACE_STATE] === undefined && headers[BAGGAGE] === undefined;
    if (parent === undefined || !isAlone || !WELL_FORMED.test(parent) || !this.isW3c())
      return propagation.extract(ROOT_CONTEXT, headers, GETTER);
    return this.put(ROOT_CONTEXT, trace.wrapSpanContext(read(parent)));
  }

  /** Nothing of it needs more than `traceparent`. */
  private isPlain({ traceState, traceId }: SpanContext): boolean {
    return traceState === undefined && traceId !== this.api.INVALID_TRACEID;
  }

  /** Asked each time: the application may set another propagator. */
  private isW3c(): boolean {
    const fields = this.api.propagation.fields();
    return fields[0] === TRACE_PARENT && fields.every((field) => W3C.includes(field));
  }
}

function read(parent: string): SpanContext {
  return {
    traceId: parent.slice(TRACE_ID_AT, TRACE_ID_AT + 32),
    spanId: parent.slice(SPAN_ID_AT, SPAN_ID_AT + 16),
    traceFlags: Number.parseInt(parent.slice(FLAGS_AT), 16),
    isRemote: true,
  };
}
