import {
  batchEnd,
  batchStart,
  entryEnd,
  entryPublished,
  entryPublishing,
  entryStart,
  jobAdded,
  jobAdding,
  jobEnd,
  jobStart,
} from '../diagnostics/channels.js';
import type {
  BatchDiagnostic,
  EnteredDiagnostic,
  EntryDiagnostic,
  EntryPublishedDiagnostic,
  JobAddedDiagnostic,
  JobDiagnostic,
} from '../diagnostics/events.js';
import { messaging, queueName } from './messaging.js';
import type { OpenTelemetry } from './open-telemetry.js';
import { Attribute, Own } from './semantic-names.js';
import type { SpanFacts, Spans, ToFacts } from './spans.js';
import type { Subscriptions } from './subscriptions.js';

/** What a span of work is to the one that it was sent in. */
export type WorkSpans = 'link' | 'child';

interface WorkSpanOptions {
  readonly work: WorkSpans;
  readonly showsSizes: boolean;
}

/** Spans of jobs and entries: when they are made, and each time they are handled. */
export class JobAndEntrySpans {
  constructor(
    private readonly api: OpenTelemetry,
    private readonly spans: Spans,
    private readonly options: WorkSpanOptions,
  ) {}

  subscribe(to: Subscriptions): void {
    const { spans } = this;
    to.on(jobAdding, (event) => spans.beginSending(event, event.headers, () => this.ofAdding(event)));
    to.on(jobAdded, (event) => spans.end(event, event.error));
    to.on(jobStart, (event) => this.begin(event, event.headers, () => this.ofJob(event)));
    to.on(jobEnd, (event) => spans.end(event, event.error));
    to.on(entryPublishing, (event) =>
      spans.beginSending(event, event.headers, () => this.ofPublishing(event)),
    );
    to.on(entryPublished, (event) => this.published(event));
    to.on(entryStart, (event) => this.begin(event, event.headers, () => this.ofEntry(event)));
    to.on(entryEnd, (event) => spans.end(event, event.error));
    to.on(batchStart, (event) => this.beginBatch(event));
    to.on(batchEnd, (event) => spans.end(event, event.error));
  }

  private begin(event: EnteredDiagnostic, headers: Readonly<Record<string, string>>, facts: ToFacts): void {
    if (this.options.work === 'child') this.spans.beginHandling(event, headers, facts);
    else this.spans.beginLinked(event, [headers], facts);
  }

  private ofAdding({ service, queue, pattern, id }: JobAddedDiagnostic): SpanFacts {
    const facts = messaging({ type: 'send', name: 'add', destination: queueName(service, queue) });
    const attributes = { ...facts.attributes, [Attribute.messagingMessageId]: id, [Own.pattern]: pattern };
    return { ...facts, kind: this.api.SpanKind.PRODUCER, attributes };
  }

  private ofJob({ service, queue, pattern, id, attempt }: JobDiagnostic): SpanFacts {
    const facts = messaging({ type: 'process', name: 'process', destination: queueName(service, queue) });
    const own = { [Attribute.messagingMessageId]: id, [Own.pattern]: pattern, [Own.attempt]: attempt };
    return { ...facts, kind: this.api.SpanKind.CONSUMER, attributes: { ...facts.attributes, ...own } };
  }

  private ofPublishing({ stream, type }: EntryPublishedDiagnostic): SpanFacts {
    const facts = messaging({ type: 'send', name: 'publish', destination: stream });
    const attributes = { ...facts.attributes, ...(type !== undefined && { [Own.entryType]: type }) };
    return { ...facts, kind: this.api.SpanKind.PRODUCER, attributes };
  }

  private published(event: EntryPublishedDiagnostic): void {
    const { id, payloadBytes, error } = event;
    const span = this.spans.recording(event);
    if (id !== undefined) span?.setAttribute(Attribute.messagingMessageId, id);
    if (this.options.showsSizes && payloadBytes !== undefined)
      span?.setAttribute(Attribute.messagingBodySize, payloadBytes);
    this.spans.end(event, error);
  }

  private ofEntry({ stream, group, id, attempt }: EntryDiagnostic): SpanFacts {
    const facts = messaging({ type: 'process', name: 'process', destination: stream });
    const own = {
      [Attribute.messagingGroup]: group,
      [Attribute.messagingMessageId]: id,
      [Own.attempt]: attempt,
    };
    return { ...facts, kind: this.api.SpanKind.CONSUMER, attributes: { ...facts.attributes, ...own } };
  }

  /** Its entries come from many traces: it can be a child of none. */
  private beginBatch(event: BatchDiagnostic): void {
    const headers = event.entries.map((entry) => entry.headers);
    this.spans.beginLinked(event, headers, () => this.ofBatch(event));
  }

  private ofBatch({ stream, group, entries }: BatchDiagnostic): SpanFacts {
    const facts = messaging({ type: 'process', name: 'process', destination: stream });
    const own = { [Attribute.messagingGroup]: group, [Attribute.messagingBatchCount]: entries.length };
    return { ...facts, kind: this.api.SpanKind.CONSUMER, attributes: { ...facts.attributes, ...own } };
  }
}
