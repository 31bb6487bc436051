import type { HydraInstance } from '../hydra-instance.js';
import { Asked } from './asked.js';
import { gatherEvidence, withoutRedis } from './evidence.js';
import type {
  Check,
  DoctorFinding,
  DoctorGap,
  DoctorReport,
  DoctorSeverity,
  Evidence,
  Facts,
} from './finding.js';
import { SERVER_CHECKS } from './server-checks.js';
import { SERVICE_CHECKS } from './service-checks.js';

/** Everything that is looked for. */
export const CHECKS: readonly Check[] = [...SERVER_CHECKS, ...SERVICE_CHECKS];

const ORDER: readonly DoctorSeverity[] = ['error', 'warning', 'info'];

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
 * It works with the rights of the application, and asks Redis about forty commands, all of which only read.
 *
 * @publicApi
 */
export class HydraDoctor {
  /** @internal */
  constructor(
    private readonly instance: HydraInstance,
    private readonly scope: DoctorScope = {},
  ) {}

  /** Looks at everything once. Never rejects: what cannot be looked at is in `notLookedAt`, without Redis almost all. */
  async check(): Promise<DoctorReport> {
    const { instance, scope } = this;
    const { clock, redis } = instance;
    const startedAt = clock.monotonic();
    const asked = new Asked(redis);
    const evidence = redis.isReady
      ? await gatherEvidence(instance, asked, scope.service)
      : withoutRedis(instance, scope.isRefused === true);
    return {
      ...judge(evidence),
      checks: CHECKS.length,
      tookMs: clock.monotonic() - startedAt,
      commands: asked.commands,
    };
  }
}

/** What these facts come to. */
export function judge(evidence: Evidence): Pick<DoctorReport, 'findings' | 'notLookedAt'> {
  const findings: DoctorFinding[] = [];
  const gaps = new Map<string, string[]>();
  for (const check of CHECKS) {
    const why = missing(check, evidence);
    if (why !== undefined) gaps.set(why, [...(gaps.get(why) ?? []), check.id]);
    else findings.push(...examined(check, evidence));
  }
  const notLookedAt: DoctorGap[] = [...gaps].map(([why, ids]) => ({ ids, why }));
  return { findings: findings.toSorted((a, b) => rank(a) - rank(b)), notLookedAt };
}

function rank({ severity }: DoctorFinding): number {
  return ORDER.indexOf(severity);
}

/** Why this cannot be looked for. */
function missing({ needs }: Check, evidence: Evidence): string | undefined {
  for (const source of needs) {
    const part = evidence[source];
    if ('why' in part) return part.why;
  }
  return undefined;
}

function examined(check: Check, evidence: Evidence): readonly DoctorFinding[] {
  const facts = Object.fromEntries(
    Object.entries(evidence).flatMap(([name, part]) => ('value' in part ? [[name, part.value]] : [])),
  ) as unknown as Facts;
  const found = check.find(facts);
  if (found === undefined) return [];
  const { id, category, severity, why, fix, docs } = check;
  const { what, severity: own } = typeof found === 'string' ? { what: found, severity } : found;
  return [{ id, category, severity: own, what, why, fix, docs }];
}
