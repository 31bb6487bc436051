import { HydraError } from '../../hydra-error.js';
import { nonEmptyString, type ResolvedOptions } from '../../hydra-options.js';
import { parseValue } from '../../protocol/json.js';
import { mustBePlain, stringify, withinLimit } from '../../protocol/payload.js';
import { progressEvent } from '../model/job-event.js';
import { writeLogLine } from '../model/job-log.js';
import { leaseLostError, type HeldJob } from './held-job.js';
import type { WorkerLink } from './worker-link.js';

/** Characters that the results of all steps of a job have at most. */
const MAX_STEPS = 65_536;
/** In place of a result that was too large: the step is not run again, and nothing tells what it gave. */
const UNKEPT = '!';

/** What a handler notes of its job while it runs: how far it is, lines for a person, and what it need not do again. */
export class JobNotes {
  /** Steps that run, by job. */
  private readonly running = new WeakMap<HeldJob, Map<string, Promise<unknown>>>();

  constructor(
    private readonly link: WorkerLink,
    private readonly options: Pick<ResolvedOptions, 'maxPayloadBytes' | 'queue'>,
  ) {}

  async report(job: HeldJob, value: unknown): Promise<void> {
    const { lease, id, pattern } = job;
    const text = progressText(pattern, value, this.options.maxPayloadBytes);
    const event = progressEvent(id, pattern, text);
    const isHeld = !job.isOver && (await this.link.report(lease, job.message.mid, text, event));
    if (!isHeld) throw leaseLostError(job);
  }

  async log(job: HeldJob, text: unknown): Promise<void> {
    const line = writeLogLine(this.link.redisClock.now(), job.attempt, text);
    const isHeld = !job.isOver && (await this.link.log(job.lease, job.id, line, job.beginsLog()));
    if (!isHeld) throw leaseLostError(job);
  }

  step<T>(job: HeldJob, name: string, run: () => T | Promise<T>): Promise<T> {
    nonEmptyString('the name of a step', name);
    const steps = this.running.get(job) ?? new Map<string, Promise<unknown>>();
    this.running.set(job, steps);
    const known = steps.get(name) as Promise<T> | undefined;
    if (known) return known;
    const step = this.once(job, name, run);
    steps.set(name, step);
    // What failed may be tried again within the attempt.
    step.catch(() => steps.delete(name));
    return step;
  }

  private async once<T>(job: HeldJob, name: string, run: () => T | Promise<T>): Promise<T> {
    const kept = job.state.steps?.[name];
    if (kept !== undefined) return resultOf(job, name, kept) as T;
    // A worker that was taken for dead must not do what another one may have done by now.
    if (job.isOver || !(await this.link.holds(job.lease))) throw leaseLostError(job);
    const result = await run();
    const text = stepText(job, name, result);
    if (!(await this.link.keepStep(job.lease, job.raw, name, text))) throw leaseLostError(job);
    job.keepStep(name, text);
    return resultOf(job, name, text) as T;
  }
}

function resultOf({ id }: HeldJob, name: string, text: string): unknown {
  if (text !== UNKEPT) return text === '' ? undefined : parseValue(text);
  const limit = `the results of its steps have more than ${MAX_STEPS} characters`;
  throw new HydraError(
    'PAYLOAD_TOO_LARGE',
    `step "${name}" of job ${id} is done, and not run again: ${limit}`,
  );
}

/** @throws HydraError `BAD_PAYLOAD` for what is no JSON data: the step has run, and is run again by the next attempt */
function stepText(job: HeldJob, name: string, result: unknown): string {
  const what = `the result of step "${name}" of "${job.pattern}"`;
  const text = (stringify(what, result) as string | undefined) ?? '';
  mustBePlain(result, what);
  const others = Object.values(job.state.steps ?? {}).reduce((sum, { length }) => sum + length, 0);
  return text.length + others > MAX_STEPS ? UNKEPT : text;
}

/** @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE` */
function progressText(pattern: string, value: unknown, maxBytes: number): string {
  const what = `the progress of "${pattern}"`;
  const text = stringify(what, value) ?? 'null';
  mustBePlain(value, what);
  return withinLimit(what, text, maxBytes);
}
