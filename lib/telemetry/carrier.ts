import type { Context, Span, SpanContext } from '@opentelemetry/api';

import type { OpenTelemetry } from './open-telemetry.js';
import { SpanInContext } from './span-in-context.js';
import { spanKey } from './span-key.js';
import { UnsampledContext } from './unsampled-context.js';

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
const NOT_SAMPLED = '-00';

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
  private readonly key: symbol | undefined;
  private propagator: object | undefined;
  private isW3c = false;

  constructor(private readonly api: OpenTelemetry) {
    this.key = spanKey(api);
  }

  /** The same as `trace.setSpan`, without a copy. */
  put(around: Context, span: Span): Context {
    return this.key ? new SpanInContext(around, this.key, span) : this.api.trace.setSpan(around, span);
  }

  /** The context around the sender, with the span of what is sent. */
  inject(around: Context, span: Span, headers: Record<string, string>): void {
    const { propagation } = this.api;
    const own = span.spanContext();
    if (this.isPlain(own) && !propagation.getBaggage(around) && this.writesW3c())
      headers[TRACE_PARENT] = `00-${own.traceId}-${own.spanId}-0${own.traceFlags.toString(16)}`;
    else propagation.inject(this.put(around, span), headers);
  }

  /** The context that these headers came with. */
  extract(headers: Headers): Context {
    const { ROOT_CONTEXT, propagation } = this.api;
    const parent = this.plainParent(headers);
    if (parent === undefined) return propagation.extract(ROOT_CONTEXT, headers, GETTER);
    return this.put(ROOT_CONTEXT, this.toSpan(parent));
  }

  /**
   * The same, where they came with a span that was not sampled, and nothing else: most of them do, and most handlers never
   * ask for that span, so that it is read when somebody does. Undefined for all others.
   */
  extractUnsampled(headers: Headers): Context | undefined {
    const { key, api } = this;
    const parent = key && this.plainParent(headers);
    if (!parent?.endsWith(NOT_SAMPLED)) return undefined;
    return new UnsampledContext(api.ROOT_CONTEXT, key!, () => this.toSpan(parent));
  }

  /** `traceparent`, where there is nothing else to read, and the propagator would read it as it is read here. */
  private plainParent(headers: Headers): string | undefined {
    const parent = GETTER.get(headers, TRACE_PARENT);
    const isAlone = headers[TRACE_STATE] === undefined && headers[BAGGAGE] === undefined;
    if (parent === undefined || !isAlone || !WELL_FORMED.test(parent)) return undefined;
    return this.writesW3c() ? parent : undefined;
  }

  private toSpan(parent: string): Span {
    return this.api.trace.wrapSpanContext(read(parent));
  }

  /** Nothing of it needs more than `traceparent`. */
  private isPlain({ traceState, traceId }: SpanContext): boolean {
    return traceState === undefined && traceId !== this.api.INVALID_TRACEID;
  }

  /** The application may set another propagator at any time: it is looked at again then. */
  private writesW3c(): boolean {
    const { propagation } = this.api;
    const present = propagatorOf(propagation);
    if (present !== undefined && present === this.propagator) return this.isW3c;
    const fields = propagation.fields();
    this.propagator = present;
    this.isW3c = fields[0] === TRACE_PARENT && fields.every((field) => W3C.includes(field));
    return this.isW3c;
  }
}

/** The propagator that is set; undefined where the API does not tell, and has to be asked for its fields each time. */
function propagatorOf(propagation: object): object | undefined {
  const { _getGlobalPropagator: get } = propagation as { readonly _getGlobalPropagator?: () => object };
  return get?.call(propagation);
}

function read(parent: string): SpanContext {
  return {
    traceId: parent.slice(TRACE_ID_AT, TRACE_ID_AT + 32),
    spanId: parent.slice(SPAN_ID_AT, SPAN_ID_AT + 16),
    traceFlags: Number.parseInt(parent.slice(FLAGS_AT), 16),
    isRemote: true,
  };
}
