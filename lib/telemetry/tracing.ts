import { setTraceSource, type TraceIds } from '../runtime/trace-source.js';
import { systemClock, type Timer } from '../runtime/clock.js';
import { CallSpans } from './call-spans.js';
import { JobAndEntrySpans, type WorkSpans } from './job-and-entry-spans.js';
import { ObservedMetrics } from './observed-metrics.js';
import { hasMeter, hasTracer, meterOf, tracerOf, type OpenTelemetry } from './open-telemetry.js';
import { RecordedMetrics } from './recorded-metrics.js';
import type { MetricFamily } from '../metrics/metric-family.js';
import { Spans } from './spans.js';
import { Subscriptions } from './subscriptions.js';

/** How often an SDK is looked for that was not registered yet. */
const LOOK_EVERY_MS = 1_000;

export interface TracingOptions {
  /** Undefined: no spans. */
  readonly traces: { readonly work: WorkSpans; readonly showsSizes: boolean } | undefined;
  readonly hasMetrics: boolean;
}

/**
 * Listens to the diagnostics channels for OpenTelemetry. Until an SDK is registered it listens to nothing, so that calls cost
 * what they cost without it.
 */
export class Tracing {
  private readonly subscriptions = new Subscriptions();
  private readonly ends: (() => void)[] = [];
  private timer: Timer | undefined;
  private awaitsTracer: boolean;
  private awaitsMeter: boolean;

  constructor(
    private readonly api: OpenTelemetry,
    private readonly options: TracingOptions,
    private readonly families: (() => readonly MetricFamily[]) | undefined,
  ) {
    this.awaitsTracer = options.traces !== undefined;
    this.awaitsMeter = options.hasMetrics;
  }

  start(): void {
    this.look();
  }

  stop(): void {
    systemClock.clear(this.timer);
    this.awaitsTracer = false;
    this.awaitsMeter = false;
    this.subscriptions.end();
    for (const end of this.ends.splice(0)) end();
  }

  private look(): void {
    if (this.awaitsTracer && hasTracer(this.api)) this.trace();
    if (this.awaitsMeter && hasMeter(this.api)) this.measure();
    if (!this.awaitsTracer && !this.awaitsMeter) return;
    this.timer = systemClock.setTimeout(() => this.look(), LOOK_EVERY_MS);
  }

  private trace(): void {
    this.awaitsTracer = false;
    const { api, options } = this;
    const { work, showsSizes } = options.traces!;
    const spans = new Spans(api, tracerOf(api));
    new CallSpans(api, spans, showsSizes).subscribe(this.subscriptions);
    new JobAndEntrySpans(api, spans, { work, showsSizes }).subscribe(this.subscriptions);
    this.ends.push(setTraceSource(() => traceAround(api)));
  }

  private measure(): void {
    this.awaitsMeter = false;
    const meter = meterOf(this.api);
    new RecordedMetrics(meter).subscribe(this.subscriptions);
    if (!this.families) return;
    const observed = new ObservedMetrics(meter, this.families, () => systemClock.monotonic());
    observed.start();
    this.ends.push(() => observed.end());
  }
}

function traceAround({ trace, isSpanContextValid }: OpenTelemetry): TraceIds | undefined {
  const found = trace.getActiveSpan()?.spanContext();
  return found && isSpanContextValid(found) ? found : undefined;
}
