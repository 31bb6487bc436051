import { HydraError } from '../../hydra-error.js';
import { refusesRight } from '../../redis/redis-error.js';
import type { Clock } from '../../runtime/clock.js';
import { ThrottledLogger } from '../../runtime/throttled-logger.js';
import { describeFailure } from '../entries/failure-text.js';
import type { ConsumerConfig } from './consumer-config.js';

/** Work that has failed for this long is reported as a problem. */
const TOLERATED_MS = 5_000;

/** How long to wait after a failure before the next try. */
export const RETRY: { readonly minMs: number; readonly maxMs: number } = { minMs: 50, maxMs: 1_000 };

/** The continuous work for a group, and what it means when it fails. */
const WORK = {
  read: 'is not read',
  claim: 'is read without a heartbeat',
  acknowledge: 'is read, but nothing can be acknowledged',
  deadLetter: 'is read, but what is given up cannot become a dead letter',
} as const;

type Work = keyof typeof WORK;

/** Whether the work for one group succeeds. Failures are logged at a bounded rate. */
export class GroupStatus {
  private readonly log: ThrottledLogger;
  private readonly failing = new Map<Work, { readonly since: number; readonly reason: string }>();

  constructor(
    private readonly clock: Clock,
    private readonly config: Pick<ConsumerConfig, 'stream' | 'group'>,
  ) {
    this.log = new ThrottledLogger(clock);
  }

  /** Which work fails at present, and why; undefined when none fails. */
  get problem(): string | undefined {
    for (const [work, { since, reason }] of this.failing) {
      if (this.clock.monotonic() - since < TOLERATED_MS) continue;
      const { stream, group } = this.config;
      return `stream "${stream}" ${WORK[work]} by group "${group}": ${reason}`;
    }
    return undefined;
  }

  /** Some work fails, for the first time or again. */
  recordFailure(work: Work, error: unknown): void {
    const { since = this.clock.monotonic() } = this.failing.get(work) ?? {};
    this.failing.set(work, { since, reason: describeFailure(error) });
  }

  /** Some work succeeds. */
  clear(work: Work): void {
    this.failing.delete(work);
  }

  report(error: unknown): void {
    const { stream, group } = this.config;
    this.warn('failure', `stream "${stream}", group "${group}": ${describeFailure(error)}`);
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

/** Whether Redis will continue to refuse: its user lacks a right, or the key of the stream holds something else. */
export function isRefusedPermanently(error: unknown): boolean {
  if (error instanceof HydraError) return !error.retryable;
  return error instanceof Error && (refusesRight(error.message) || error.message.includes('WRONGTYPE'));
}
