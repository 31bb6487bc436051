import {
  docsOf,
  fixOf,
  type DoctorSubject,
  type FaultSeverity,
  type FoundFault,
} from '../redis/faults/fault.js';
import { CHECKS } from './checks/checks.js';
import type { Evidence, Facts, SeenServer, ServerFacts } from './evidence/facts.js';
import type { Check, DoctorFinding, DoctorGap, DoctorReport } from './finding.js';

/** Of those that a finding is about, so many are named. */
const MAX_SUBJECTS = 20;
const ORDER: readonly FaultSeverity[] = ['error', 'warning', 'info'];
/** The parts that each server has of its own. */
const OF_SERVER: ReadonlySet<keyof Facts> = new Set<keyof ServerFacts>([
  'info',
  'settings',
  'clients',
  'patterns',
  'slow',
]);

/** Why something is not looked at, for each check that therefore misses something. */
class Gaps {
  private readonly known = new Map<string, Set<string>>();

  add(id: string, why: string): void {
    this.known.set(why, (this.known.get(why) ?? new Set()).add(id));
  }

  get list(): readonly DoctorGap[] {
    return [...this.known].map(([why, ids]) => ({ ids: [...ids], why }));
  }
}

interface Named extends FoundFault {
  readonly server: string | undefined;
}

/** What these facts come to. Of several servers, each is judged by its own. */
export function judge(
  evidence: Evidence,
  servers: readonly SeenServer[] = [],
): Pick<DoctorReport, 'findings' | 'notLookedAt'> {
  const gaps = new Gaps();
  const findings = CHECKS.flatMap((check) => {
    const isOfServer = servers.length > 0 && check.needs.some((part) => OF_SERVER.has(part));
    const found = isOfServer
      ? servers.flatMap(({ name, evidence: own }) => look(check, { ...evidence, ...own }, gaps, name))
      : look(check, evidence, gaps);
    return found.length > 0 ? [findingOf(check, found)] : [];
  });
  return { findings: findings.toSorted((a, b) => rank(a) - rank(b)), notLookedAt: gaps.list };
}

function rank({ severity }: Pick<DoctorFinding, 'severity'>): number {
  return ORDER.indexOf(severity);
}

function look(check: Check, evidence: Evidence, gaps: Gaps, server?: string): readonly Named[] {
  const at = server === undefined ? '' : ` (${server})`;
  for (const source of check.needs) {
    const part = evidence[source];
    if ('why' in part) {
      gaps.add(check.id, `${part.why}${at}`);
      return [];
    }
    for (const note of part.partly ?? []) gaps.add(check.id, note);
  }
  const found = check.find(factsOf(evidence));
  if (found === undefined) return [];
  return [{ ...(typeof found === 'string' ? { what: found } : found), server }];
}

/** Only what a check needs is there. */
function factsOf(evidence: Evidence): Facts {
  const known = Object.entries(evidence).flatMap(([name, part]) =>
    'value' in part ? [[name, part.value] as const] : [],
  );
  return Object.fromEntries(known) as unknown as Facts;
}

function findingOf({ id, category, severity, why, fix }: Check, found: readonly Named[]): DoctorFinding {
  const [worst] = found
    .map((one) => ({ severity: one.severity ?? severity, names: one.names }))
    .toSorted((a, b) => rank(a) - rank(b)) as [{ severity: FaultSeverity; names: FoundFault['names'] }];
  const what = together(found);
  return {
    id,
    category,
    severity: worst.severity,
    what,
    about: subjectsOf(found),
    why,
    fix: fixOf(fix, worst.names),
    docs: docsOf(id),
  };
}

/** Each once. */
function subjectsOf(found: readonly Named[]): readonly DoctorSubject[] {
  const subjects = found.flatMap(({ about = [] }) => about.map((one) => [JSON.stringify(one), one] as const));
  return [...new Map(subjects).values()].slice(0, MAX_SUBJECTS);
}

/** What several servers have in common is said once. */
function together(found: readonly Named[]): string {
  const groups = new Map<string, string[]>();
  for (const { what, server } of found)
    groups.set(what, [...(groups.get(what) ?? []), ...(server === undefined ? [] : [server])]);
  return [...groups]
    .map(([what, servers]) => (servers.length > 0 ? `${what} (${servers.join(', ')})` : what))
    .join('; ');
}
