import { HydraError } from '../hydra.error.js';
import type { ResolvedOptions } from '../hydra.options.js';
import { mustBePlain, stringify } from '../protocol/payload.js';
import { HeldJob, leaseLostError, type TakenJob } from './held.job.js';
import { progressEvent } from './job.event.js';
import { deadOutcome, deadStranger } from './job.runner.js';
import { readState } from './job.state.js';
import { readJob } from './job.text.js';
import type { Lane } from './lane.js';
import type { Parking } from './parking.js';
import type { WorkerLink } from './worker.link.js';

/** Pause after taking only jobs that nobody here can handle. */
const STRAY_PAUSE_MS = 250;

/** What came with one turn. */
export interface TakenJobs {
  readonly raws: readonly string[];
  readonly states: readonly (string | null)[];
  readonly firstFence: number;
  readonly turn: number;
}

/** Says how many jobs a worker has room for, and where each of those that came goes. */
export class Intake {
  /** Patterns that any worker of the queue has handlers for. */
  servedPatterns: ReadonlySet<string> = new Set();
  private restUntil = 0;

  constructor(
    private readonly lanes: ReadonlyMap<string, Lane<HeldJob>>,
    private readonly parking: Parking,
    private readonly link: WorkerLink,
    private readonly options: ResolvedOptions,
  ) {}

  /** How many jobs there is room for. */
  get wanted(): number {
    if (!this.parking.takes || this.restUntil > performance.now()) return 0;
    let all = 0;
    for (const lane of this.lanes.values()) all += lane.room;
    return all;
  }

  /** Milliseconds until it takes anything again; undefined when it does. */
  restMs(now: number): number | undefined {
    return this.restUntil > now ? this.restUntil - now : undefined;
  }

  admit({ raws, states, firstFence, turn }: TakenJobs): void {
    if (raws.length === 0) return;
    const { held } = this.parking;
    let strays = 0;
    raws.forEach((raw, index) => {
      const fence = firstFence + index;
      const lease = `${fence}-${turn}`;
      const job = readJob(raw);
      const lane = job && this.lanes.get(job.pattern);
      const stateText = states[index] ?? null;
      if (!job) held.tell(deadStranger(this.options.service, lease, raw, this.link.clock.now()));
      else if (!lane) strays += this.send({ job, fence, lease, stateText });
      else this.parking.place(new HeldJob({ job, fence, lease, stateText }, lane, this.report));
    });
    if (strays === raws.length) this.restUntil = performance.now() + STRAY_PAUSE_MS;
    this.parking.startAll();
  }

  /**
   * Sends on a job without a handler here: to its own list where another worker has one; else back to the end of the
   * line, where a Hydra 1.x worker may take it, for a while. Returns 1 when it went back to the line.
   */
  private send({ job, lease, stateText }: TakenJob): number {
    const { held } = this.parking;
    const { pattern, id, message, raw } = job;
    if (this.servedPatterns.has(pattern)) {
      held.tell({ what: 'aside', lease, detail: this.link.keys.aside(pattern), event: '' });
      return 0;
    }
    const state = readState(stateText);
    const now = this.link.clock.now();
    const straySince = state.straySince ?? now;
    const { noHandlerMs } = this.options.queue;
    if (now - straySince < noHandlerMs) {
      const detail = JSON.stringify({ ...state, straySince });
      held.tell({ what: 'stray', lease, detail, event: '' });
      return 1;
    }
    const reason = `"${pattern}" had no handler for queue.noHandlerMs=${noHandlerMs}`;
    const dead = { id, pattern, lease, message, raw, attempt: 0 };
    held.tell(deadOutcome(dead, reason, state.history ?? [], now));
    return 0;
  }

  private readonly report = async (job: HeldJob, value: unknown): Promise<void> => {
    const { lease, id, pattern } = job;
    const text = progressText(pattern, value, this.options.maxPayloadBytes);
    const isHeld =
      !job.isOver && (await this.link.report(lease, job.message.mid, text, progressEvent(id, pattern, text)));
    if (!isHeld) throw leaseLostError(job);
  };
}

/** @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE` */
function progressText(pattern: string, value: unknown, maxBytes: number): string {
  const what = `the progress of "${pattern}"`;
  const text = stringify(what, value) ?? 'null';
  mustBePlain(value, what);
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return text;
  throw new HydraError(
    'PAYLOAD_TOO_LARGE',
    `${what} has ${bytes} bytes, more than maxPayloadBytes=${maxBytes}`,
  );
}
