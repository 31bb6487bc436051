import { RareLog } from '../../delivery/rare.log.js';
import { HydraError } from '../../hydra-error.js';
import { describeFailure } from '../entries/attempt.js';
import type { Membership } from './consumer-config.js';

/** Failing for this long, something counts as not being done. */
const PATIENCE_MS = 5_000;

/** How long to wait after a failure before the next try. */
export const TROUBLE: { readonly minMs: number; readonly maxMs: number } = { minMs: 50, maxMs: 1_000 };

/** What is done for a group without end, and what it means when it fails. */
const WORK = {
  read: 'is not read',
  claim: 'is read without a sign of life',
  acknowledge: 'is read, but nothing can be acknowledged',
  bury: 'is read, but what is given up cannot become a dead letter',
} as const;

type Work = keyof typeof WORK;

/** What goes wrong with one group: told at a bounded rate, and whether its work is done at all. */
export class GroupTrouble {
  private readonly log = new RareLog();
  private readonly failing = new Map<Work, { readonly since: number; reason: string }>();

  constructor(private readonly membership: Membership) {}

  /** What is not done at present, and why; undefined when all is. */
  get problem(): string | undefined {
    for (const [work, { since, reason }] of this.failing)
      if (performance.now() - since >= PATIENCE_MS) {
        const { stream, group } = this.membership;
        return `stream "${stream}" ${WORK[work]} by group "${group}": ${reason}`;
      }
    return undefined;
  }

  /** Some work fails, for the first time or still. */
  fails(work: Work, error: unknown): void {
    const reason = describeFailure(error);
    const known = this.failing.get(work);
    if (known) known.reason = reason;
    else this.failing.set(work, { since: performance.now(), reason });
  }

  isOver(work: Work): void {
    this.failing.delete(work);
  }

  report(error: unknown): void {
    const { stream, group } = this.membership;
    this.warn('trouble', `stream "${stream}", group "${group}": ${describeFailure(error)}`);
  }

  /** @param topic one of a few words */
  warn(topic: string, line: string): void {
    this.log.warn(topic, line);
  }
}

/** Whether the group is gone: Redis lost its data, or somebody destroyed it. */
export function isNoGroup(error: unknown): boolean {
  // UNBLOCKED: the stream went while it was being read. XINFO says `no such key`.
  return error instanceof Error && /NOGROUP|UNBLOCKED|no such key/.test(error.message);
}

/** Whether Redis will go on refusing: its user lacks a right, or something else stands where the stream should be. */
export function isRefusedForGood(error: unknown): boolean {
  if (error instanceof HydraError) return !error.retryable;
  return error instanceof Error && /NOPERM|WRONGTYPE|user executing the script/.test(error.message);
}
