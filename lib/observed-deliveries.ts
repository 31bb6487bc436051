import type { DeliveryContext } from './delivery/delivery-context.js';
import { entryEnd, entryStart, jobEnd, jobStart } from './diagnostics/channels.js';
import { publishEnd } from './diagnostics/ending.js';
import type { EntryDiagnostic, JobDiagnostic } from './diagnostics/events.js';
import { HydraJobContext } from './queue/worker/hydra-job-context.js';
import type { Context } from './redis/context.js';
import { HydraEntryContext } from './streams/hydra-entry-context.js';

type Finish = (context: DeliveryContext) => void;

/**
 * Tells observers of the jobs and entries that handlers of this instance run, and has each handler run in what they bound. A
 * batch of entries is not told: it has no headers of its own.
 */
export class ObservedDeliveries {
  private readonly running = new WeakMap<DeliveryContext, Finish>();

  constructor(private readonly instance: Pick<Context, 'id' | 'options' | 'clock'>) {}

  started(context: DeliveryContext): void {
    if (context instanceof HydraJobContext) this.jobStarted(context);
    else if (context instanceof HydraEntryContext) this.entryStarted(context);
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
