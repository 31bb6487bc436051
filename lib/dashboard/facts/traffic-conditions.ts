import type { Asked } from '../../doctor/evidence/asked.js';
import type { SurveyLimits } from '../../doctor/evidence/survey.js';
import type { DoctorFinding, DoctorReport, DoctorSeverity } from '../../doctor/finding.js';
import type { Topology, TopologyEdge } from '../../registry/topology/topology.js';
import type { DoctorSubject } from '../../redis/faults/fault.js';
import { listed } from '../../runtime/listed.js';
import { leftOutIn } from './fleet.js';
import { listedServices, lookAt, servicesIn, unreadIn, type LookedAt } from './look.js';
import type { Place } from './place.js';
import { readTopology } from './topology.js';

/** As the alert rules of docs/observability/alerts.yml have them. */
const ERROR_SHARE = 0.05;
const SLOW_MS = 1_000;
/** Fewer calls between two looks say nothing. */
const FEW_CALLS = 20;
/** As many as the doctor names. */
const MAX_SUBJECTS = 20;

/** Each of two looks, at most: as much as one of the doctor, beside which they are taken. */
const LIMITS: SurveyLimits = { scripts: 8, alone: 15 };

/** What is looked for in calls, as the doctor reports what it looks for. */
export type TrafficReport = Pick<DoctorReport, 'findings' | 'notLookedAt'>;

export const NO_TRAFFIC: TrafficReport = { findings: [], notLookedAt: [] };
const OF_EDGES = ['calls.errors', 'calls.slow'] as const;
const OF_BREAKERS = ['calls.left-out'] as const;
export const TRAFFIC_CHECKS = [...OF_EDGES, ...OF_BREAKERS] as const;

type Counted = Pick<TopologyEdge, 'calls' | 'errors'>;

/** Looks for what the alert rules look for in calls. It compares what was counted with its look before. */
export class TrafficConditions {
  private before: ReadonlyMap<string, Counted> = new Map();

  constructor(private readonly place: Place) {}

  /** Never rejects: where it cannot look, it says why. */
  async read(asked: Asked): Promise<TrafficReport> {
    const reports = await Promise.all([this.readEdges(asked), this.readBreakers(asked)]);
    return {
      findings: reports.flatMap(({ findings }) => findings),
      notLookedAt: reports.flatMap(({ notLookedAt }) => notLookedAt),
    };
  }

  private async readEdges(asked: Asked): Promise<TrafficReport> {
    try {
      const { value } = await readTopology(this.place, asked, LIMITS);
      return reported(OF_EDGES, this.ofCalls(value), value.notes);
    } catch (error) {
      return reported(OF_EDGES, [], [(error as Error).message]);
    }
  }

  private async readBreakers(asked: Asked): Promise<TrafficReport> {
    try {
      const { instance } = this.place;
      const names = await listedServices(instance, asked);
      const seen = await lookAt(instance, asked, { services: names, texts: 'health' }, LIMITS);
      const services = servicesIn(names, seen);
      const notes = [...seen.missed.service, ...unreadIn(services, 'texts', 'health')];
      return reported(OF_BREAKERS, leftOutOf(services), notes);
    } catch (error) {
      return reported(OF_BREAKERS, [], [(error as Error).message]);
    }
  }

  private ofCalls({ edges }: Topology): DoctorFinding[] {
    const calls = edges.filter(({ kind }) => kind === 'call');
    const now = new Map(edges.map((edge) => [keyOf(edge), edge]));
    const failing = calls.filter((edge) => isFailing(edge, this.before.get(keyOf(edge))));
    const slow = calls.filter(({ p99Ms = 0, ratePerS }) => p99Ms > SLOW_MS && ratePerS > 0);
    this.before = now;
    return [
      ...found('calls.errors', 'warning', failing.map(foundIn), {
        what: (names) => `more than one call of twenty fails: ${names}`,
        why: 'callers get errors, and those that may be tried again are sent twice',
        fix: 'choose the service in the topology: its errors by code, and its latest errors in the log',
      }),
      ...found('calls.slow', 'warning', slow.map(foundIn), {
        what: (names) => `one call of a hundred takes longer than a second: ${names}`,
        why: 'callers wait, and hold what they have meanwhile; counted since the processes began',
        fix: 'look at event loop and CPU of the instances; start more of them',
      }),
    ];
  }
}

/** Between whom something is, and which of them is to be looked at. */
interface Found {
  readonly from: string;
  readonly to: string;
  readonly about: DoctorSubject;
}

interface Words {
  readonly what: (names: string) => string;
  readonly why: string;
  readonly fix: string;
}

function reported(
  ids: readonly string[],
  findings: readonly DoctorFinding[],
  notes: readonly string[],
): TrafficReport {
  return { findings, notLookedAt: notes.map((why) => ({ ids, why })) };
}

/** Instances that are alive and get no calls from some callers. */
function leftOutOf(services: readonly LookedAt[]): DoctorFinding[] {
  const leftOut = leftOutIn(services);
  const some = services.flatMap(({ name, instances }) =>
    instances
      .filter(({ node, isGone }) => !isGone && leftOut.has(node.id))
      .map(({ node }) => ({
        from: leftOut.get(node.id)!.join(', '),
        to: `${name}/${node.id}`,
        about: { service: name, instance: node.id },
      })),
  );
  return found('calls.left-out', 'warning', some, {
    what: (names) => `callers leave out instances that are alive: ${names}`,
    why: 'calls to them have failed, and the others take all calls meanwhile',
    fix: 'choose the service: its instances, who leaves them out, and what they log',
  });
}

function found(
  id: string,
  severity: DoctorSeverity,
  some: readonly Found[],
  { what, why, fix }: Words,
): DoctorFinding[] {
  if (some.length === 0) return [];
  const names = [...new Set(some.map(({ from, to }) => `${from} → ${to}`))];
  const subjects = new Map(some.map(({ about }) => [JSON.stringify(about), about]));
  const about = [...subjects.values()].slice(0, MAX_SUBJECTS);
  const text = what(listed(names));
  return [
    { id, severity, category: 'process', what: text, about, why, fix, docs: 'docs/dashboard.md#overview' },
  ];
}

/** Whoever is called is to be looked at. */
function foundIn({ from, to }: TopologyEdge): Found {
  return { from, to, about: { service: to } };
}

function isFailing({ calls, errors }: Counted, before: Counted | undefined): boolean {
  if (!before) return false;
  const [more, failed] = [calls - before.calls, errors - before.errors];
  return more >= FEW_CALLS && failed / more > ERROR_SHARE;
}

function keyOf({ from, to, kind, pattern }: TopologyEdge): string {
  return JSON.stringify([from, to, kind, pattern]);
}
