import { Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';

import { badOption, refuseUnknown, type NamesOf } from '../hydra-options.js';
import { HydraMetrics } from '../ops/hydra-metrics.js';
import type { WorkSpans } from './job-and-entry-spans.js';
import { loadOpenTelemetry } from './open-telemetry.js';
import { Tracing, type TracingOptions } from './tracing.js';

/**
 * How work is traced.
 *
 * @publicApi
 */
export interface HydraTraceOptions {
  /**
   * What the span of a job or an entry is to the one in which it was added or published: `link`, of a trace of its own that
   * links to it, as the conventions advise; or `child`, in the same trace, which may then last for days.
   * @defaultValue 'link'
   */
  readonly work?: 'link' | 'child';
  /** Whether spans of what is sent say how many bytes it has. @defaultValue false */
  readonly payloadSizes?: boolean;
}

/**
 * What is given to OpenTelemetry.
 *
 * @publicApi
 */
export interface HydraTelemetryOptions {
  /** Spans, and the context that travels in headers. @defaultValue true */
  readonly traces?: boolean | HydraTraceOptions;
  /** Metrics. @defaultValue true */
  readonly metrics?: boolean;
}

const TRACE_NAMES = { work: true, payloadSizes: true } satisfies NamesOf<HydraTraceOptions>;
const NAMES = { traces: TRACE_NAMES, metrics: true } satisfies NamesOf<HydraTelemetryOptions>;

const TAKER = 'HydraTelemetryModule.forRoot';

/** Of the channels of a process there is one listener, however many applications are in it. */
let running: { readonly tracing: Tracing; users: number } | undefined;

class TelemetryLife implements OnApplicationShutdown {
  private isOver = false;

  onApplicationShutdown(): void {
    if (this.isOver || !running) return;
    this.isOver = true;
    running.users--;
    if (running.users > 0) return;
    running.tracing.stop();
    running = undefined;
  }
}

/**
 * Traces and metrics by OpenTelemetry, whose package `@opentelemetry/api` the application installs, with an SDK of its choice.
 * Import it beside `HydraModule.forRoot`.
 *
 * @publicApi
 */
@Module({})
export class HydraTelemetryModule {
  /**
   * Import it once. Without `@opentelemetry/api` the application does not start: `BAD_OPTION`.
   *
   * @throws HydraError `BAD_OPTION` for an unknown name or value
   */
  static forRoot(options: HydraTelemetryOptions = {}): DynamicModule {
    refuseUnknown(TAKER, options, NAMES);
    const resolved = resolve(options);
    const life = {
      provide: TelemetryLife,
      inject: [{ token: HydraMetrics, optional: true }],
      useFactory: async (metrics?: HydraMetrics) => {
        await start(resolved, metrics);
        return new TelemetryLife();
      },
    };
    return { module: HydraTelemetryModule, providers: [life] };
  }
}

async function start(options: TracingOptions, metrics: HydraMetrics | undefined): Promise<void> {
  const api = await loadOpenTelemetry();
  if (running) return void running.users++;
  const tracing = new Tracing(api, options, metrics && (() => metrics.families()));
  running = { tracing, users: 1 };
  tracing.start();
}

function resolve({ traces = true, metrics = true }: HydraTelemetryOptions): TracingOptions {
  if (typeof metrics !== 'boolean') throw badOption(`metrics of ${TAKER}`, metrics, 'true or false');
  if (traces === false) return { traces: undefined, hasMetrics: metrics };
  const { work = 'link', payloadSizes = false } = traces === true ? {} : traces;
  const allowed: readonly WorkSpans[] = ['link', 'child'];
  if (!allowed.includes(work)) throw badOption(`traces.work of ${TAKER}`, work, "'link' or 'child'");
  return { traces: { work, showsSizes: payloadSizes }, hasMetrics: metrics };
}
