import type { Attributes, Context, Link, Span, SpanKind, SpanOptions, Tracer } from '@opentelemetry/api';

import type { EnteredDiagnostic } from '../diagnostics/events.js';
import { errorType } from '../metrics/work-series.js';
import { Carrier, type Headers } from './carrier.js';
import type { OpenTelemetry } from './open-telemetry.js';
import { ignoresAttributes, leavesUnsampled } from './sampling.js';
import { Attribute, Own } from './semantic-names.js';

/** What a span is made of. */
export interface SpanFacts {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/** Made only for spans that an SDK is asked for. */
export type ToFacts = () => SpanFacts;

/** Begins and ends the spans of one kind of work, each known by its event. */
export class Spans {
  private readonly open = new WeakMap<object, Span>();
  private readonly carrier: Carrier;
  private readonly leavesUnsampled: ((parent: Span) => boolean) | undefined;
  private readonly attributesLater: boolean;

  constructor(
    private readonly api: OpenTelemetry,
    private readonly tracer: Tracer,
  ) {
    this.carrier = new Carrier(api);
    this.leavesUnsampled = leavesUnsampled(api);
    this.attributesLater = ignoresAttributes(api);
  }

  /** Of what this process sends: a child of the span around its sender, whose context travels in the headers. */
  beginSending(event: object, headers: Record<string, string>, facts: ToFacts): void {
    const around = this.api.context.active();
    const span = this.begun(event, around, facts);
    this.carrier.inject(around, span, headers);
  }

  /** Of what this process handles: a child of the span that it was sent in. Its handler runs in it. */
  beginHandling(event: EnteredDiagnostic & object, headers: Headers, facts: ToFacts): void {
    const unsampled = this.leavesUnsampled && this.carrier.extractUnsampled(headers);
    if (unsampled) return this.enter(event, unsampled);
    const sent = this.carrier.extract(headers);
    const span = this.begun(event, sent, facts);
    this.enter(event, span === this.api.trace.getSpan(sent) ? sent : this.carrier.put(sent, span));
  }

  /** The same, of a trace of its own: it links to the spans that what it handles was sent in. */
  beginLinked(event: EnteredDiagnostic & object, headers: readonly Headers[], facts: ToFacts): void {
    const { trace, ROOT_CONTEXT } = this.api;
    const sent = headers.map((one) => this.carrier.extract(one));
    const links: Link[] = sent.flatMap((one) => {
      const created = trace.getSpanContext(one);
      return created ? [{ context: created }] : [];
    });
    // What is not of the trace, such as baggage, comes along where it is of one sender.
    const around = sent.length === 1 ? trace.deleteSpan(sent[0]!) : ROOT_CONTEXT;
    const span = this.started(event, around, facts(), { links, root: true });
    this.enter(event, this.carrier.put(around, span));
  }

  /** Of what did not come to a handler: it begins and ends now. */
  note(headers: Headers, facts: SpanFacts, code: string): void {
    const span = this.tracer.startSpan(facts.name, facts, this.carrier.extract(headers));
    span.setStatus({ code: this.api.SpanStatusCode.ERROR });
    span.setAttribute(Attribute.errorType, code);
    span.end();
  }

  /** The span of this event, while it is recorded. */
  recording(event: object): Span | undefined {
    const span = this.open.get(event);
    return span?.isRecording() ? span : undefined;
  }

  /** It is tried again. */
  retried(event: object, attempt: number, instance: string | undefined): void {
    this.recording(event)?.addEvent(Own.retry, {
      [Own.attempt]: attempt,
      ...(instance !== undefined && { [Own.instance]: instance }),
    });
  }

  /** It ended, with this error where it failed. */
  end(event: object, error: unknown): void {
    const span = this.open.get(event);
    if (!span) return;
    if (error !== undefined && span.isRecording()) {
      span.setAttribute(Attribute.errorType, errorType(error));
      span.setStatus({ code: this.api.SpanStatusCode.ERROR, message: messageOf(error) });
    }
    span.end();
    this.open.delete(event);
  }

  /** The span of this event; the one around it, where the SDK would make none that records. */
  private begun(event: object, around: Context, facts: ToFacts): Span {
    const parent = this.api.trace.getSpan(around);
    if (parent && this.leavesUnsampled?.(parent)) return parent;
    return this.started(event, around, facts());
  }

  private started(event: object, around: Context, facts: SpanFacts, more?: SpanOptions): Span {
    const { name, kind, attributes } = facts;
    const options = this.attributesLater ? { kind, ...more } : { kind, attributes, ...more };
    const span = this.tracer.startSpan(name, options, around);
    if (!span.isRecording()) return span;
    if (this.attributesLater) span.setAttributes(attributes);
    this.open.set(event, span);
    return span;
  }

  private enter(event: EnteredDiagnostic, around: Context): void {
    const { context } = this.api;
    const before = event.runIn;
    event.runIn = (enter) => context.with(around, before ? () => before(enter) : enter);
  }
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  const { message } = (typeof error === 'object' && error !== null ? error : {}) as { message?: unknown };
  return typeof message === 'string' ? message : String(error);
}
