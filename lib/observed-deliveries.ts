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

/** What is counted of the jobs with one pattern. */
interface JobSeries {
  readonly queue: string;
  readonly runs: WorkSeries;
}

/** How many addresses of senders have their service remembered. */
const MAX_SENDERS = 1_000;

/** Counts the jobs and entries that handlers of this instance run, tells observers of them, and has each handler run in what they bound. */
export class ObservedDeliveries {
  private readonly running = new WeakMap<DeliveryContext, Finish>();
  private readonly jobSeries = new Map<string, JobSeries>();
  private readonly senders = new Map<string, string>();

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
    const isJob = context instanceof HydraJobContext;
    if (!isJob && !isEntries(context)) return;
    context.begin(this.instance.clock.monotonic());
    if (isJob) this.countJobStart(metrics, context);
    else
      for (const { stream, group, attempt } of entriesOf(context))
        if (attempt > 1) metrics.entryRuns.of(stream, group).retried();
  }

  private countJobStart(metrics: Metrics, context: HydraJobContext): void {
    const pattern = context.getPattern();
    const { queue, runs } = this.seriesOf(metrics, pattern);
    if (context.attempt > 1) return runs.retried();
    if (!context.isFirstStart) return;
    // By two clocks, which may differ; some jobs do not say when they were added.
    const waitedMs = this.instance.clock.now() - context.enqueuedAt.getTime();
    if (waitedMs >= 0) metrics.jobWaits.of(queue, pattern).ended(waitedMs);
  }

  private countEnd(metrics: Metrics, context: DeliveryContext, startedAt: number): void {
    const tookMs = this.instance.clock.monotonic() - startedAt;
    const { error } = context;
    if (context instanceof HydraJobContext) {
      const pattern = context.getPattern();
      this.seriesOf(metrics, pattern).runs.ended(tookMs, error);
      const caller = this.serviceOf(context.getMessage().from);
      if (caller) metrics.jobOrigins.of(caller, pattern).ended(tookMs, error);
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
      const queue = this.queueNamed(pattern);
      series = { queue, runs: metrics.jobRuns.of(queue, pattern) };
      this.jobSeries.set(pattern, series);
    }
    return series;
  }

  /** The service in the address of a sender, or ''. Kept: reading an address costs more than counting a job. */
  private serviceOf(address: string): string {
    let service = this.senders.get(address);
    if (service === undefined) {
      if (this.senders.size >= MAX_SENDERS) this.senders.clear();
      service = decodeAddress(address)?.service ?? '';
      this.senders.set(address, service);
    }
    return service;
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
