import { parseValue } from '../../protocol/json.js';
import { mustBePlain, stringify, withinLimit } from '../../protocol/payload.js';
import { progressEvent } from '../model/job-event.js';
import { logLineHead, writeLogLine } from '../model/job-log.js';
import { JobSteps } from '../model/job-steps.js';
import { isUnavailable } from '../watching/job-waiters.js';
import { leaseLostError, type HeldJob } from './held-job.js';
import type { WorkerContext, WorkerLink } from './worker-link.js';

/** What a handler notes of its job while it runs: how far it is, lines for a person, and what it need not do again. */
export class JobNotes {
  private readonly steps = new WeakMap<HeldJob, JobSteps>();

  constructor(
    private readonly link: WorkerLink,
    private readonly context: Pick<WorkerContext, 'options' | 'log'>,
  ) {}

  async report(job: HeldJob, value: unknown): Promise<void> {
    const { lease, id, pattern } = job;
    const text = progressText(pattern, value, this.context.options.maxPayloadBytes);
    const event = progressEvent(id, pattern, text);
    await this.note(job, () => this.link.report(lease, job.message.mid, text, event));
  }

  async log(job: HeldJob, text: unknown): Promise<void> {
    const { attempt, id, lease, message } = job;
    const head = logLineHead(message.timestamp);
    const line = writeLogLine(head, { at: this.link.redisClock.now(), attempt, text });
    job.hasLog = true;
    await this.note(job, () => this.link.log({ lease, id }, line, head));
  }

  /** What is only for people must not end an attempt because Redis is away. */
  private async note(job: HeldJob, write: () => Promise<boolean>): Promise<void> {
    if (job.isOver) throw leaseLostError(job);
    try {
      if (await write()) return;
    } catch (error) {
      if (job.isOver) throw leaseLostError(job);
      if (!isUnavailable(error)) throw error;
      const what = `job ${job.id} of "${job.pattern}" could not note how far it is, and continues`;
      return this.context.log.warn(`note ${job.pattern}`, `${what}: ${String(error)}`);
    }
    throw leaseLostError(job);
  }

  async step<T>(job: HeldJob, name: string, run: () => T | Promise<T>): Promise<T> {
    const steps = this.steps.get(job) ?? new JobSteps(job);
    this.steps.set(job, steps);
    steps.admit(name);
    const known = steps.asked.get(name) as Promise<T> | undefined;
    if (known) return known;
    const step = this.once(job, steps, name, run);
    steps.asked.set(name, step);
    // What failed may be tried again within the attempt.
    step.catch(() => steps.asked.delete(name));
    return step;
  }

  private async once<T>(job: HeldJob, steps: JobSteps, name: string, run: () => T | Promise<T>): Promise<T> {
    let text = steps.resultOf(name);
    if (text === undefined) {
      // A worker that was taken for dead must not do what another one may have done by now.
      if (job.isOver || !(await this.link.holds(job.lease))) throw leaseLostError(job);
      text = steps.keep(name, await run());
    }
    if (!steps.isSaved(name)) {
      if (!(await this.link.keepStep(job.lease, job.raw, name, text))) throw leaseLostError(job);
      steps.saved(name);
    }
    steps.refuseUnkept(name, text);
    return (text === '' ? undefined : parseValue(text)) as T;
  }
}

/** @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE` */
function progressText(pattern: string, value: unknown, maxBytes: number): string {
  const what = `the progress of "${pattern}"`;
  const text = stringify(what, value) ?? 'null';
  mustBePlain(value, what);
  return withinLimit(what, text, maxBytes);
}
