import type { DeliveryContext } from './delivery/delivery-context.js';
import { batchEnd, batchStart, entryEnd, entryStart, jobEnd, jobStart } from './diagnostics/channels.js';
import { publishEnd } from './diagnostics/ending.js';
import type { BatchDiagnostic, EntryDiagnostic, JobDiagnostic } from './diagnostics/events.js';
import type { Metrics } from './metrics/metrics.js';
import type { WorkSeries } from './metrics/work-series.js';
import { decodeAddress } from './protocol/address.js';
import { HydraJobContext } from './queue/worker/hydra-job-context.js';
import type { Context } from './redis/context.js';
import { HydraBatchContext, HydraEntryContext } from './streams/hydra-entry-context.js';

type Finish = (context: DeliveryContext) => void;

/** How many addresses of senders have their series remembered. */
const MAX_SENDERS = 1_000;

/** What is counted of the jobs with one pattern: to look for it in the tables costs more than to count a job. */
class JobSeries {
  readonly runs: WorkSeries;
  private waitSeries: WorkSeries | undefined;
  private readonly origins = new Map<string, WorkSeries | undefined>();

  constructor(
    private readonly metrics: Metrics,
    private readonly queue: string,
    private readonly pattern: string,
  ) {
    this.runs = metrics.jobRuns.of(queue, pattern);
  }

  get waits(): WorkSeries {
    return (this.waitSeries ??= this.metrics.jobWaits.of(this.queue, this.pattern));
  }

  /** Of the service in the address of a sender; undefined where that is no address. */
  originOf(address: string): WorkSeries | undefined {
    const { origins } = this;
    const known = origins.get(address);
    if (known || origins.has(address)) return known;
    if (origins.size >= MAX_SENDERS) origins.clear();
    const service = decodeAddress(address)?.service;
    const series = service ? this.metrics.jobOrigins.of(service, this.pattern) : undefined;
    origins.set(address, series);
    return series;
  }
}

/** Counts the jobs and entries that handlers of this instance run, tells observers of them, and has each handler run in what they bound. */
export class ObservedDeliveries {
  private readonly running = new WeakMap<DeliveryContext, Finish>();
  private readonly jobSeries = new Map<string, JobSeries>();

  constructor(
    private readonly instance: Pick<Context, 'id' | 'options' | 'clock' | 'metrics'>,
    /** The queue whose jobs have this pattern. */
    private readonly queueNamed: (pattern: string) => string,
  ) {}

  started(context: DeliveryContext): void {
    const { metrics } = this.instance;
    if (metrics) this.countStart(metrics, context);
    if (context instanceof HydraJobContext) this.jobStarted(context);
    else if (context instanceof HydraEntryContext) this.entryStarted(context);
    else if (context instanceof HydraBatchContext) this.batchStarted(context);
  }

  ended(context: DeliveryContext): void {
    const { metrics } = this.instance;
    if (metrics && context.startedAt !== undefined) this.countEnd(metrics, context, context.startedAt);
    this.running.get(context)?.(context);
  }

  private countStart(metrics: Metrics, context: DeliveryContext): void {
    if (context instanceof HydraJobContext) return this.countJobStart(metrics, context);
    if (!isEntries(context)) return;
    context.begin(this.instance.clock.monotonic());
    for (const { stream, group, attempt } of entriesOf(context))
      if (attempt > 1) metrics.entryRuns.of(stream, group).retried();
  }

  private countJobStart(metrics: Metrics, context: HydraJobContext): void {
    const series = this.seriesOf(metrics, context.getPattern());
    if (context.attempt > 1) return series.runs.retried();
    if (!context.isFirstStart) return;
    // By two clocks, which may differ; some jobs do not say when they were added.
    const waitedMs = this.instance.clock.now() - context.addedAt;
    if (waitedMs >= 0) series.waits.ended(waitedMs);
  }

  private countEnd(metrics: Metrics, context: DeliveryContext, startedAt: number): void {
    const tookMs = this.instance.clock.monotonic() - startedAt;
    const { error } = context;
    if (context instanceof HydraJobContext) {
      const series = this.seriesOf(metrics, context.getPattern());
      series.runs.ended(tookMs, error);
      series.originOf(context.getMessage().from)?.ended(tookMs, error);
    } else if (isEntries(context))
      entriesOf(context).forEach(({ stream, group }, index) => {
        const isMarked = error === undefined && context instanceof HydraBatchContext;
        const failure = isMarked ? context.failureOf(index)?.reason : error;
        metrics.entryRuns.of(stream, group).ended(tookMs, failure);
      });
  }

  private seriesOf(metrics: Metrics, pattern: string): JobSeries {
    let series = this.jobSeries.get(pattern);
    if (!series) {
      series = new JobSeries(metrics, this.queueNamed(pattern), pattern);
      this.jobSeries.set(pattern, series);
    }
    return series;
  }

  private jobStarted(context: HydraJobContext): void {
    if (!jobStart.hasSubscribers && !jobEnd.hasSubscribers) return;
    const { id, attempt } = context;
    const [pattern, headers] = [context.getPattern(), context.getMetadata()];
    const queue = this.queueNamed(pattern);
    const event: JobDiagnostic = { ...this.common(), queue, pattern, id, headers, attempt };
    this.running.set(
      context,
      this.finish((tookMs, error) => publishEnd(jobEnd, event, tookMs, error)),
    );
    context.startIn(jobStart, event);
  }

  private entryStarted(context: HydraEntryContext): void {
    if (!entryStart.hasSubscribers && !entryEnd.hasSubscribers) return;
    const { id, attempt, stream, group, type } = context;
    const headers = context.getMetadata() ?? {};
    const event: EntryDiagnostic = { ...this.common(), stream, group, id, type, headers, attempt };
    this.running.set(
      context,
      this.finish((tookMs, error) => publishEnd(entryEnd, event, tookMs, error)),
    );
    context.startIn(entryStart, event);
  }

  private batchStarted(context: HydraBatchContext): void {
    if (!batchStart.hasSubscribers && !batchEnd.hasSubscribers) return;
    const [{ stream, group }] = context.entries as [HydraEntryContext];
    const entries = context.entries.map((entry) => {
      const { id, type, attempt } = entry;
      return { id, type, attempt, headers: entry.getMetadata() ?? {} };
    });
    const event: BatchDiagnostic = { ...this.common(), stream, group, entries };
    this.running.set(
      context,
      this.finish((tookMs, error) => publishEnd(batchEnd, event, tookMs, error)),
    );
    context.startIn(batchStart, event);
  }

  private common() {
    const { id, options } = this.instance;
    return { instanceId: id, service: options.service, durationMs: undefined, error: undefined };
  }

  private finish(publish: (tookMs: number, error: unknown) => void): Finish {
    const startedAt = this.instance.clock.monotonic();
    return (context) => publish(this.instance.clock.monotonic() - startedAt, context.error);
  }
}

type EntriesContext = HydraEntryContext | HydraBatchContext;

function isEntries(context: DeliveryContext): context is EntriesContext {
  return context instanceof HydraEntryContext || context instanceof HydraBatchContext;
}

function entriesOf(context: EntriesContext): readonly HydraEntryContext[] {
  return context instanceof HydraBatchContext ? context.entries : [context];
}
