import { RareLog } from '../delivery/rare.log.js';
import { describeFailure } from './attempt.js';
import type { Membership } from './membership.js';

/** Failing for this long, the group counts as not being read. */
const PATIENCE_MS = 5_000;

/** How long to wait after a failure before the next try. */
export const TROUBLE: { readonly minMs: number; readonly maxMs: number } = { minMs: 50, maxMs: 1_000 };

/** What goes wrong with one group: told at a bounded rate, and whether entries arrive at all. */
export class GroupTrouble {
  private readonly log = new RareLog();
  private failingSince: number | undefined;
  private lastFailure = '';

  constructor(private readonly membership: Membership) {}

  /** Why entries do not arrive at present; undefined when they do. */
  get problem(): string | undefined {
    if (this.failingSince === undefined || performance.now() - this.failingSince < PATIENCE_MS)
      return undefined;
    const { stream, group } = this.membership;
    return `stream "${stream}" is not read by group "${group}": ${this.lastFailure}`;
  }

  /** The reading fails, for the first time or still. */
  fails(error: unknown): void {
    this.lastFailure = describeFailure(error);
    this.failingSince ??= performance.now();
  }

  isOver(): void {
    this.failingSince = undefined;
  }

  report(error: unknown): void {
    this.lastFailure = describeFailure(error);
    const { stream, group } = this.membership;
    this.warn('trouble', `stream "${stream}", group "${group}": ${this.lastFailure}`);
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
