import { Logger } from '@nestjs/common';

import type { HydraError } from '../hydra-error.js';
import type { Clock } from '../runtime/clock.js';
import { isReply } from './redis-error.js';

/** How long readiness shows a refusal of Redis after its last occurrence, in milliseconds. */
const SHOWN_FOR_MS = 10_000;
/** If a refusal continues, it is logged again after this time. */
const LOG_AGAIN_MS = 600_000;
const MAX_KEPT = 50;
const MAX_SHOWN = 5;

/** Not refusals that are part of the normal work, and not a command that is itself wrong. */
const REFUSED =
  /\b(NOPERM|OOM|NOREPLICAS|MISCONF|NOAUTH|WRONGPASS)\b|^ERR (unknown (sub)?command|The user executing|ACL failure)/i;

/** `problem`: the process cannot work because of it; `warning`: only one action is not allowed. */
export type Weight = 'problem' | 'warning';

interface Refusal {
  readonly text: string;
  readonly weight: Weight;
  readonly loggedAt: number;
  lastAt: number;
}

/**
 * What Redis has refused lately: a missing right, no memory, too few replicas, a command that was renamed. Each refusal
 * is logged once, with the words of Redis, and readiness shows it as long as it occurs.
 */
export class Refusals {
  private readonly logger = new Logger('Hydra');
  private readonly kept = new Map<string, Refusal>();

  constructor(private readonly clock: Clock) {}

  /** Records an error if it is a refusal. */
  note({ code, message, cause }: HydraError, weight: Weight = 'problem'): void {
    if (code !== 'FORBIDDEN' && code !== 'REDIS_UNAVAILABLE') return;
    if (!isReply(cause) || !REFUSED.test(cause.message)) return;
    const now = this.clock.monotonic();
    const known = this.kept.get(message);
    if (known && now - known.loggedAt < LOG_AGAIN_MS) {
      known.lastAt = now;
      return;
    }
    if (this.kept.size >= MAX_KEPT) this.forgetOldest();
    this.kept.set(message, { text: message, weight, loggedAt: now, lastAt: now });
    this.logger.warn(message);
  }

  /** The command is allowed now, so readiness does not show it any more. */
  lifted(what: string): void {
    for (const [key, { text }] of this.kept) if (text.includes(`] ${what}: `)) this.kept.delete(key);
  }

  /** The present refusals, for the health of the process. */
  get findings(): Partial<Record<Weight, string>> {
    const [problem, warning] = [this.current('problem'), this.current('warning')];
    return { ...(problem && { problem }), ...(warning && { warning }) };
  }

  private current(weight: Weight): string {
    const now = this.clock.monotonic();
    const isCurrent = (refusal: Refusal) => refusal.weight === weight && now - refusal.lastAt < SHOWN_FOR_MS;
    const texts = [...this.kept.values()].filter(isCurrent).map(({ text }) => text);
    return texts.slice(0, MAX_SHOWN).join('; ');
  }

  private forgetOldest(): void {
    const [oldest] = this.kept.keys();
    if (oldest !== undefined) this.kept.delete(oldest);
  }
}
