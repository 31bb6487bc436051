import type { Attributes } from '@opentelemetry/api';

import {
  callEnd,
  callRetry,
  callStart,
  handlerEnd,
  handlerRefused,
  handlerStart,
  httpEnd,
  httpRetry,
  httpStart,
} from '../diagnostics/channels.js';
import type {
  CallDiagnostic,
  HandlerDiagnostic,
  HttpRequestDiagnostic,
  RefusalDiagnostic,
} from '../diagnostics/events.js';
import { errorType } from '../metrics/work-series.js';
import { messaging } from './messaging.js';
import { MethodNames } from './method-names.js';
import type { OpenTelemetry } from './open-telemetry.js';
import { Attribute, OTHER, SYSTEM } from './semantic-names.js';
import type { SpanFacts, Spans } from './spans.js';
import type { Subscriptions } from './subscriptions.js';

const OK = 'OK';

/** Spans of calls, events and HTTP requests, on both sides. */
export class CallSpans {
  private readonly methods = new MethodNames();

  constructor(
    private readonly api: OpenTelemetry,
    private readonly spans: Spans,
    private readonly showsSizes: boolean,
  ) {}

  subscribe(to: Subscriptions): void {
    to.on(callStart, (event) => this.spans.beginSending(event, event.headers, () => this.ofCall(event)));
    to.on(callRetry, (event) => this.spans.retried(event, event.attempts, event.targetId));
    to.on(callEnd, (event) => this.callEnded(event));
    to.on(httpStart, (event) => this.spans.beginSending(event, event.headers, () => this.ofRequest(event)));
    to.on(httpRetry, (event) => this.spans.retried(event, event.attempts, event.targetId));
    to.on(httpEnd, (event) => this.requestEnded(event));
    to.on(handlerStart, (event) =>
      this.spans.beginHandling(event, event.headers, () => this.ofHandler(event)),
    );
    to.on(handlerEnd, (event) => this.handlerEnded(event));
    to.on(handlerRefused, (event) => this.spans.note(event.headers, this.ofRefusal(event), event.code));
  }

  private ofCall({ kind, service, pattern }: CallDiagnostic): SpanFacts {
    const { SpanKind } = this.api;
    if (kind !== 'call') {
      const name = kind === 'event' ? 'emit' : 'broadcast';
      const facts = messaging({ type: 'send', name, destination: `${service}/${pattern}` });
      return { ...facts, kind: SpanKind.PRODUCER };
    }
    const { method, attributes } = this.methods.of(service, pattern);
    return { name: method, kind: SpanKind.CLIENT, attributes };
  }

  private callEnded(event: CallDiagnostic): void {
    const span = this.spans.recording(event);
    if (span) {
      if (event.kind === 'call') span.setAttribute(Attribute.rpcStatusCode, statusOf(event.error));
      if (this.showsSizes && event.payloadBytes !== undefined)
        span.setAttribute(Attribute.messagingBodySize, event.payloadBytes);
    }
    this.spans.end(event, event.error);
  }

  private ofHandler({ kind, service, pattern }: HandlerDiagnostic): SpanFacts {
    const { SpanKind } = this.api;
    if (kind === 'event') {
      const facts = messaging({ type: 'process', name: 'process', destination: `${service}/${pattern}` });
      return { ...facts, kind: SpanKind.CONSUMER };
    }
    const { method, attributes } = this.methods.of(service, pattern);
    return { name: method, kind: SpanKind.SERVER, attributes };
  }

  private handlerEnded(event: HandlerDiagnostic): void {
    if (event.kind === 'call')
      this.spans.recording(event)?.setAttribute(Attribute.rpcStatusCode, statusOf(event.error));
    this.spans.end(event, event.error);
  }

  /** The name of what nobody handles comes from outside: it is in the span, and not its name. */
  private ofRefusal({ service, pattern, isKnown, code }: RefusalDiagnostic): SpanFacts {
    const { method, attributes: known } = this.methods.of(service, isKnown ? pattern : OTHER);
    const attributes: Attributes = { ...known, [Attribute.rpcStatusCode]: code };
    if (!isKnown) attributes[Attribute.rpcMethodOriginal] = `${service}/${pattern}`;
    return { name: isKnown ? method : SYSTEM, kind: this.api.SpanKind.SERVER, attributes };
  }

  private ofRequest({ method, service }: HttpRequestDiagnostic): SpanFacts {
    const attributes = { [Attribute.httpMethod]: method, [Attribute.serverAddress]: service };
    return { name: method, kind: this.api.SpanKind.CLIENT, attributes };
  }

  private requestEnded(event: HttpRequestDiagnostic): void {
    const { address, path, status, attempts } = event;
    const span = this.spans.recording(event);
    if (span && address !== undefined) span.setAttribute(Attribute.urlFull, `http://${address}${path}`);
    if (span && attempts > 1) span.setAttribute(Attribute.httpResendCount, attempts - 1);
    if (span && status !== undefined) span.setAttribute(Attribute.httpStatus, status);
    if (span && status !== undefined && status >= 400) {
      span.setAttribute(Attribute.errorType, String(status));
      span.setStatus({ code: this.api.SpanStatusCode.ERROR });
    }
    this.spans.end(event, event.error);
  }
}

function statusOf(error: unknown): string {
  return error === undefined ? OK : errorType(error);
}
