import type { Dispatch } from '../../delivery/source.js';
import type { HeldJob } from './held-job.js';
import type { PatternSlots } from './pattern-slots.js';
import type { StartGate } from './start-gate.js';

/** What the parts of one worker have in common, beside its link to Redis. */
export interface WorkerParts {
  /** By pattern. */
  readonly slots: ReadonlyMap<string, PatternSlots<HeldJob>>;
  /** The same for all workers of the process. */
  readonly gate: StartGate;
  readonly dispatch: Dispatch;
}
