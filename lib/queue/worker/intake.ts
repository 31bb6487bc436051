import { HeldJob, type TakenJob } from './held-job.js';
import { JobNotes } from './job-notes.js';
import { jobDied } from './job-died.js';
import { deadOutcome, deadForeign, FOREIGN } from './job-runner.js';
import type { Stamp } from '../../protocol/message.js';
import { createMessageId } from '../../registry/presence/instance-id.js';
import { attemptOf, readState } from '../model/job-state.js';
import { readJob, readLatest } from '../model/job-text.js';
import type { PatternSlots } from './pattern-slots.js';
import type { LocalJobs } from './local-jobs.js';
import type { WorkerContext, WorkerLink } from './worker-link.js';

/** Pause after taking only jobs that nobody here can handle. */
const UNSERVED_PAUSE_MS = 250;
/** A job without a handler stays in the line for so long: a Hydra 1.x worker may have one. */
const IN_LINE_MS = 60_000;
/** Patterns without a handler whose jobs are set aside: each has a list, and workers go through all of them. */
const MAX_UNSERVED = 1_000;

/** What came with one exchange. */
export interface TakenJobs {
  readonly raws: readonly string[];
  readonly states: readonly (string | null)[];
  readonly firstFence: number;
  readonly count: number;
}

/** Says how many jobs a worker has room for, and where each of those that came goes. */
export class Intake {
  /** Patterns that any worker of the queue has handlers for. */
  private servedPatterns: ReadonlySet<string> = new Set();
  /** How many patterns have jobs set aside, and no worker. */
  private unservedPatterns = 0;
  private restUntil = 0;
  private readonly notes: JobNotes;

  constructor(
    private readonly slots: ReadonlyMap<string, PatternSlots<HeldJob>>,
    private readonly jobs: LocalJobs,
    private readonly link: WorkerLink,
    private readonly context: Pick<WorkerContext, 'id' | 'clock' | 'random' | 'log' | 'options' | 'metrics'>,
  ) {
    this.notes = new JobNotes(link, context);
  }

  /** How many jobs there is room for. */
  get wanted(): number {
    if (!this.jobs.takes || this.restUntil > this.context.clock.monotonic()) return 0;
    let all = 0;
    for (const slots of this.slots.values()) all += slots.room;
    return all;
  }

  /** Milliseconds until it takes anything again; undefined when it does. */
  restMs(now: number): number | undefined {
    return this.restUntil > now ? this.restUntil - now : undefined;
  }

  setServed({ served, unserved }: { readonly served: ReadonlySet<string>; readonly unserved: number }): void {
    this.servedPatterns = served;
    this.unservedPatterns = unserved;
  }

  admit({ raws, states, firstFence, count }: TakenJobs): void {
    if (raws.length === 0) return;
    const takenAt = this.context.clock.monotonic();
    let unserved = 0;
    raws.forEach((raw, index) => {
      const fence = firstFence + index;
      const lease = `${fence}-${count}`;
      const stateText = states[index] ?? null;
      const job = stateText === null ? readJob(raw) : readLatest(raw, readState(stateText).text);
      const slots = job && this.slots.get(job.pattern);
      if (!job) this.giveUpForeign(lease, raw);
      else if (!slots) unserved += this.send({ job, fence, lease, stateText, takenAt });
      else this.jobs.place(new HeldJob({ job, fence, lease, stateText, takenAt }, slots, this.notes));
    });
    if (unserved === raws.length) this.restUntil = this.context.clock.monotonic() + UNSERVED_PAUSE_MS;
    this.jobs.startAll();
  }

  private giveUpForeign(lease: string, raw: string): void {
    const stamp = this.stamp();
    const { queue } = this.link;
    jobDied(
      this.context,
      { id: stamp.mid, queue, pattern: '', headers: {} },
      { reason: FOREIGN, attempts: 0 },
    );
    this.jobs.held.record(deadForeign(stamp, this.context.options.service, lease, raw));
  }

  /** For a dead letter of what has none of its own. */
  private stamp(): Stamp {
    const mid = createMessageId(this.context.random);
    return { mid, timestamp: new Date(this.link.redisClock.now()).toISOString() };
  }

  /**
   * Sends on a job without a handler here: to its own list where another worker has one; else back to the end of the
   * line, where a Hydra 1.x worker may take it, for a while, and then to its own list, where it waits for a worker that has
   * one. Returns 1 when it went back to the line.
   */
  private send({ job, lease, stateText }: TakenJob): number {
    const { held } = this.jobs;
    const { pattern } = job;
    if (this.servedPatterns.has(pattern)) {
      held.record({ what: 'aside', lease, list: this.link.keys.aside(pattern) });
      return 0;
    }
    const known = readState(stateText);
    const now = this.link.redisClock.now();
    const state = { ...known, unhandledSince: known.unhandledSince ?? now };
    const unservedMs = now - state.unhandledSince;
    const hopeless = this.hopeless(pattern, unservedMs);
    if (hopeless) {
      const { id, message, raw, headers } = job;
      const attempts = attemptOf(state) - 1;
      jobDied(this.context, { id, queue: this.link.queue, pattern, headers }, { reason: hopeless, attempts });
      const death = {
        reason: hopeless,
        attempts,
        history: state.history ?? [],
        steps: state.steps,
        at: now,
      };
      held.record(deadOutcome({ id, pattern, lease, message, raw }, death));
      return 0;
    }
    if (unservedMs < IN_LINE_MS) {
      held.record({ what: 'requeue', lease, state });
      return 1;
    }
    const { noHandlerMs } = this.context.options.queue;
    const outcome = `its jobs are set aside until one has, for up to queue.noHandlerMs=${noHandlerMs}`;
    this.context.log.warn(`unserved ${pattern}`, `no worker has a handler for "${pattern}": ${outcome}`);
    held.record({ what: 'unserved', lease, pattern, state });
    return 0;
  }

  /** Why no handler is waited for any longer. */
  private hopeless(pattern: string, unservedMs: number): string | undefined {
    const { noHandlerMs } = this.context.options.queue;
    if (unservedMs >= noHandlerMs) return `"${pattern}" had no handler for queue.noHandlerMs=${noHandlerMs}`;
    if (unservedMs < IN_LINE_MS || this.unservedPatterns < MAX_UNSERVED) return undefined;
    return `"${pattern}" has no handler, like ${this.unservedPatterns} other patterns`;
  }
}
