import type { DeliveryContext } from './delivery/delivery-context.js';
import { batchEnd, batchStart, entryEnd, entryStart, jobEnd, jobStart } from './diagnostics/channels.js';
import { publishEnd } from './diagnostics/ending.js';
import type { BatchDiagnostic, EntryDiagnostic, JobDiagnostic } from './diagnostics/events.js';
import { HydraJobContext } from './queue/worker/hydra-job-context.js';
import type { Context } from './redis/context.js';
import { HydraBatchContext, HydraEntryContext } from './streams/hydra-entry-context.js';

type Finish = (context: DeliveryContext) => void;

/** Tells observers of the jobs and entries that handlers of this instance run, and has each handler run in what they bound. */
export class ObservedDeliveries {
  private readonly running = new WeakMap<DeliveryContext, Finish>();

  constructor(private readonly instance: Pick<Context, 'id' | 'options' | 'clock'>) {}

  started(context: DeliveryContext): void {
    if (context instanceof HydraJobContext) this.jobStarted(context);
    else if (context instanceof HydraEntryContext) this.entryStarted(context);
    else if (context instanceof HydraBatchContext) this.batchStarted(context);
  }

  ended(context: DeliveryContext): void {
    this.running.get(context)?.(context);
  }

  private jobStarted(context: HydraJobContext): void {
    if (!jobStart.hasSubscribers && !jobEnd.hasSubscribers) return;
    const { id, attempt } = context;
    const [pattern, headers] = [context.getPattern(), context.getMetadata()];
    const event: JobDiagnostic = { ...this.common(), pattern, id, headers, attempt };
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
    return (context) => {
      const { failure, isAborted } = context;
      const error = failure ?? (isAborted ? context.signal.reason : undefined);
      publish(this.instance.clock.monotonic() - startedAt, error);
    };
  }
}
