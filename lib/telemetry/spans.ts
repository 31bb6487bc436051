import type { Attributes, Context, Link, Span, SpanKind, Tracer } from '@opentelemetry/api';

import type { EnteredDiagnostic } from '../diagnostics/events.js';
import { errorType } from '../metrics/work-series.js';
import type { OpenTelemetry } from './open-telemetry.js';
import { Attribute, Own } from './semantic-names.js';

type Headers = Readonly<Record<string, string>>;

/** What a span is made of. */
export interface SpanFacts {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/** Foreign processes write headers, too: only text is read. */
const GETTER = {
  keys: (headers: Headers) => Object.keys(headers),
  get: (headers: Headers, name: string) => {
    const value: unknown = headers[name];
    return typeof value === 'string' ? value : undefined;
  },
};

/** Begins and ends the spans of one kind of work, each known by its event. */
export class Spans {
  private readonly open = new WeakMap<object, Span>();

  constructor(
    private readonly api: OpenTelemetry,
    private readonly tracer: Tracer,
  ) {}

  /** Of what this process sends: a child of the span around its sender, whose context travels in the headers. */
  beginSending(event: object, headers: Record<string, string>, facts: SpanFacts): void {
    const { context, propagation, trace } = this.api;
    const around = context.active();
    const span = this.tracer.startSpan(facts.name, facts, around);
    propagation.inject(trace.setSpan(around, span), headers);
    this.open.set(event, span);
  }

  /** Of what this process handles: a child of the span that it was sent in. Its handler runs in it. */
  beginHandling(event: EnteredDiagnostic & object, headers: Headers, facts: SpanFacts): void {
    const { context, trace } = this.api;
    const sent = this.extract(headers);
    const span = this.tracer.startSpan(facts.name, facts, sent);
    this.enter(event, trace.setSpan(sent, span), context);
    this.open.set(event, span);
  }

  /** The same, of a trace of its own: it links to the spans that what it handles was sent in. */
  beginLinked(event: EnteredDiagnostic & object, headers: readonly Headers[], facts: SpanFacts): void {
    const { context, trace } = this.api;
    const sent = headers.map((one) => this.extract(one));
    const links: Link[] = sent.flatMap((one) => {
      const created = trace.getSpanContext(one);
      return created ? [{ context: created }] : [];
    });
    // What is not of the trace, such as baggage, comes along where it is of one sender.
    const around = sent.length === 1 ? trace.deleteSpan(sent[0]!) : this.api.ROOT_CONTEXT;
    const span = this.tracer.startSpan(facts.name, { ...facts, links, root: true }, around);
    this.enter(event, trace.setSpan(around, span), context);
    this.open.set(event, span);
  }

  /** Of what did not come to a handler: it begins and ends now. */
  note(headers: Headers, facts: SpanFacts, code: string): void {
    const span = this.tracer.startSpan(facts.name, facts, this.extract(headers));
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

  private extract(headers: Headers): Context {
    return this.api.propagation.extract(this.api.ROOT_CONTEXT, headers, GETTER);
  }

  private enter(event: EnteredDiagnostic, around: Context, context: OpenTelemetry['context']): void {
    const before = event.runIn;
    event.runIn = (enter) => context.with(around, before ? () => before(enter) : enter);
  }
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  const { message } = (typeof error === 'object' && error !== null ? error : {}) as { message?: unknown };
  return typeof message === 'string' ? message : String(error);
}
