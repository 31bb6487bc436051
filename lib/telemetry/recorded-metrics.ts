import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api';

import {
  batchEnd,
  callEnd,
  entryEnd,
  entryPublished,
  handlerEnd,
  handlerRefused,
  httpEnd,
  jobAdded,
  jobEnd,
} from '../diagnostics/channels.js';
import type {
  CallDiagnostic,
  DiagnosticOutcome,
  HandlerDiagnostic,
  HttpRequestDiagnostic,
  RefusalDiagnostic,
} from '../diagnostics/events.js';
import { HydraError } from '../hydra-error.js';
import { errorType } from '../metrics/work-series.js';
import { messaging, queueName } from './messaging.js';
import { MethodNames } from './method-names.js';
import { Attribute, DURATION_BOUNDS_S, Metric, OTHER } from './semantic-names.js';
import type { Subscriptions } from './subscriptions.js';

const SECOND_MS = 1_000;
const SECONDS = { unit: 's', advice: { explicitBucketBoundaries: DURATION_BOUNDS_S } };
const MESSAGES = { unit: '{message}' };

type Outcome = Pick<DiagnosticOutcome, 'durationMs' | 'error'>;

/** Records calls, jobs, entries and events as they end, by the names of the conventions. */
export class RecordedMetrics {
  private readonly methods = new MethodNames();
  private readonly clientCalls: Histogram;
  private readonly serverCalls: Histogram;
  private readonly requests: Histogram;
  private readonly operations: Histogram;
  private readonly processing: Histogram;
  private readonly sent: Counter;
  private readonly consumed: Counter;

  constructor(meter: Meter) {
    this.clientCalls = meter.createHistogram(Metric.rpcClientDuration, SECONDS);
    this.serverCalls = meter.createHistogram(Metric.rpcServerDuration, SECONDS);
    this.requests = meter.createHistogram(Metric.httpClientDuration, SECONDS);
    this.operations = meter.createHistogram(Metric.messagingOperationDuration, SECONDS);
    this.processing = meter.createHistogram(Metric.messagingProcessDuration, SECONDS);
    this.sent = meter.createCounter(Metric.messagingSent, MESSAGES);
    this.consumed = meter.createCounter(Metric.messagingConsumed, MESSAGES);
  }

  subscribe(to: Subscriptions): void {
    to.on(callEnd, (event) => this.callEnded(event));
    to.on(handlerEnd, (event) => this.handlerEnded(event));
    to.on(handlerRefused, (event) => this.refused(event));
    to.on(httpEnd, (event) => this.requestEnded(event));
    to.on(jobAdded, (event) => {
      this.wasSent('add', queueName(event.service, event.queue), event);
    });
    to.on(jobEnd, (event) => this.wasProcessed(queueName(event.service, event.queue), event));
    to.on(entryPublished, (event) => this.wasSent('publish', event.stream, event));
    to.on(entryEnd, (event) =>
      this.wasProcessed(event.stream, event, { [Attribute.messagingGroup]: event.group }),
    );
    to.on(batchEnd, (event) => {
      const group = { [Attribute.messagingGroup]: event.group };
      this.wasProcessed(event.stream, event, group, event.entries.length);
    });
  }

  private callEnded(event: CallDiagnostic): void {
    const { kind, service, error } = event;
    const pattern = isUnknown(error) ? OTHER : event.pattern;
    const { method, attributes } = this.methods.bounded(service, pattern);
    if (kind === 'call') this.clientCalls.record(seconds(event), withOutcome(attributes, error));
    else this.wasSent(kind === 'event' ? 'emit' : 'broadcast', method, event);
  }

  private handlerEnded(event: HandlerDiagnostic): void {
    const { method, attributes } = this.methods.bounded(event.service, event.pattern);
    if (event.kind === 'call') this.serverCalls.record(seconds(event), withOutcome(attributes, event.error));
    else this.wasProcessed(method, event);
  }

  /** It never came to a handler, and counts as the rest. */
  private refused({ service, pattern, isKnown, code }: RefusalDiagnostic): void {
    const { attributes } = this.methods.bounded(service, isKnown ? pattern : OTHER);
    const failed = { ...attributes, [Attribute.rpcStatusCode]: code, [Attribute.errorType]: code };
    this.serverCalls.record(0, failed);
  }

  private requestEnded(event: HttpRequestDiagnostic): void {
    const { method, service, status, error } = event;
    const failed = error === undefined ? (status ?? 0) >= 400 : true;
    const type = error === undefined ? String(status) : errorType(error);
    this.requests.record(seconds(event), {
      [Attribute.httpMethod]: method,
      [Attribute.serverAddress]: service,
      ...(status !== undefined && { [Attribute.httpStatus]: status }),
      ...(failed && { [Attribute.errorType]: type }),
    });
  }

  private wasSent(name: string, destination: string, event: Outcome): void {
    const { attributes } = messaging({ type: 'send', name, destination });
    const all = withError(attributes, event.error);
    this.sent.add(1, all);
    this.operations.record(seconds(event), all);
  }

  private wasProcessed(destination: string, event: Outcome, more: Attributes = {}, messages = 1): void {
    const { attributes } = messaging({ type: 'process', name: 'process', destination });
    const all = withError({ ...attributes, ...more }, event.error);
    this.consumed.add(messages, all);
    this.processing.record(seconds(event), all);
  }
}

function seconds({ durationMs = 0 }: Outcome): number {
  return durationMs / SECOND_MS;
}

function withOutcome(attributes: Attributes, error: unknown): Attributes {
  if (error === undefined) return { ...attributes, [Attribute.rpcStatusCode]: 'OK' };
  const type = errorType(error);
  return { ...attributes, [Attribute.rpcStatusCode]: type, [Attribute.errorType]: type };
}

function withError(attributes: Attributes, error: unknown): Attributes {
  return error === undefined ? attributes : { ...attributes, [Attribute.errorType]: errorType(error) };
}

function isUnknown(error: unknown): boolean {
  return error instanceof HydraError && error.code === 'NO_HANDLER';
}
