import { HydraError } from '../../hydra-error.js';
import { nonEmptyString } from '../../hydra-options.js';
import { mustBePlain, stringify } from '../../protocol/payload.js';
import type { JobState } from './job-state.js';

/** Steps that a job has at most: each that is kept has Redis read and write them all. */
const MAX_STEPS = 1_000;
/** Characters that the names and the results of all steps of a job have at most. */
const MAX_CHARS = 65_536;
/** In place of a result that was too large: the step is not run again, and nothing tells what it gave. */
const UNKEPT = '!';

/** A job that is held, and remembers its steps. */
interface SteppingJob {
  readonly id: string;
  readonly pattern: string;
  readonly state: JobState;
  keepStep(name: string, text: string): void;
}

/**
 * The steps of one job that is held here. Whoever holds the job alone adds to them: what is counted here is all there is, and
 * what ran is known here before Redis has it, so that whatever becomes of the attempt carries it.
 */
export class JobSteps {
  /** Those that were asked for in this attempt and have not failed. */
  readonly asked = new Map<string, Promise<unknown>>();
  private readonly unsaved = new Set<string>();

  constructor(private readonly job: SteppingJob) {}

  /** What it gave, as text; undefined where it has not run. */
  resultOf(name: string): string | undefined {
    const { steps = {} } = this.job.state;
    return Object.hasOwn(steps, name) ? steps[name] : undefined;
  }

  /** Whether Redis has its result. */
  isSaved(name: string): boolean {
    return !this.unsaved.has(name);
  }

  saved(name: string): void {
    this.unsaved.delete(name);
  }

  /** @throws HydraError `BAD_OPTION`; `PAYLOAD_TOO_LARGE` where the job has too many steps, or names too long, to have it run */
  admit(name: string): void {
    const { id } = this.job;
    nonEmptyString('the name of a step', name);
    // Such a member is dropped wherever JSON is read: the step would be forgotten.
    if (name === '__proto__') throw new HydraError('BAD_OPTION', `a step of job ${id} is named "${name}"`);
    if (this.resultOf(name) !== undefined || this.asked.has(name)) return;
    const { count, chars } = this.others(name);
    if (count >= MAX_STEPS)
      throw tooMany(id, name, `the job has ${count} other steps, and ${MAX_STEPS} are the most`);
    if (chars + name.length + UNKEPT.length > MAX_CHARS)
      throw tooMany(
        id,
        name,
        `the names and results of its steps would have more than ${MAX_CHARS} characters`,
      );
  }

  /**
   * Its result as it is kept.
   *
   * @throws HydraError `BAD_PAYLOAD` for what is no JSON data: the step has run, and is run again by the next attempt
   */
  keep(name: string, result: unknown): string {
    const what = `the result of step "${name}" of "${this.job.pattern}"`;
    const whole = (stringify(what, result) as string | undefined) ?? '';
    mustBePlain(result, what);
    const { chars } = this.others(name);
    const text = chars + name.length + whole.length > MAX_CHARS ? UNKEPT : whole;
    this.job.keepStep(name, text);
    this.unsaved.add(name);
    return text;
  }

  /** @throws HydraError `PAYLOAD_TOO_LARGE` for one that was too large to keep */
  refuseUnkept(name: string, text: string): void {
    if (text !== UNKEPT) return;
    const limit = `the names and results of its steps have more than ${MAX_CHARS} characters`;
    throw new HydraError(
      'PAYLOAD_TOO_LARGE',
      `step "${name}" of job ${this.job.id} is done, and not run again: ${limit}`,
    );
  }

  /** Those that are kept, and those that run: of these each takes its name, and the least that is kept of a result. */
  private others(name: string): { readonly count: number; readonly chars: number } {
    const { steps = {} } = this.job.state;
    let [count, chars] = [0, 0];
    const add = (other: string, length: number) => {
      if (other === name) return;
      count++;
      chars += other.length + length;
    };
    for (const [other, text] of Object.entries(steps)) add(other, text.length);
    for (const other of this.asked.keys()) if (!Object.hasOwn(steps, other)) add(other, UNKEPT.length);
    return { count, chars };
  }
}

function tooMany(id: string, name: string, limit: string): HydraError {
  return new HydraError('PAYLOAD_TOO_LARGE', `step "${name}" of job ${id} is not run: ${limit}`);
}
