import { Asked } from './evidence/asked.js';
import { CHECKS } from './checks/checks.js';
import { gatherEvidence, withoutRedis, type Examined } from './evidence/gather-evidence.js';
import type { DoctorReport } from './finding.js';
import { judge } from './judge.js';

/** Whom the doctor examines. */
export interface DoctorScope {
  /** Whose rights are asked for. @defaultValue the service of this process; none on the command line */
  readonly service?: string | undefined;
  /** Redis refuses this process, and waiting does not help. */
  readonly isRefused?: boolean;
}

/**
 * Examines Redis, the way to it, all services on it and this process, and says what is not as it should be: what, why it
 * matters, and what mends it. The same as `npx nestjs-hydra doctor`.
 *
 * ```ts
 * const { findings } = await this.doctor.check();
 * ```
 *
 * It works with the rights of the application, and asks Redis at most 60 commands, all of which only read.
 *
 * @publicApi
 */
export class HydraDoctor {
  /** @internal */
  constructor(
    private readonly instance: Examined,
    private readonly scope: DoctorScope = {},
  ) {}

  /** Looks at everything once. Never rejects: what cannot be looked at is in `notLookedAt`, without Redis almost all. */
  async check(): Promise<DoctorReport> {
    const { instance, scope } = this;
    const { clock, redis } = instance;
    const startedAt = clock.monotonic();
    const asked = new Asked(clock);
    const { evidence, servers } = redis.isReady
      ? await gatherEvidence(instance, asked, scope.service)
      : withoutRedis(instance, scope.isRefused === true);
    return {
      ...judge(evidence, servers),
      checks: CHECKS.length,
      tookMs: clock.monotonic() - startedAt,
      commands: asked.commands,
    };
  }
}
