import type { Asked } from '../../doctor/evidence/asked.js';
import type { DoctorFinding, DoctorGap, DoctorReport } from '../../doctor/finding.js';
import { HydraDoctor } from '../../doctor/hydra-doctor.js';
import type { Reading } from '../collect/collector.js';
import type { Place } from './place.js';
import {
  NO_TRAFFIC,
  TRAFFIC_CHECKS,
  type TrafficConditions,
  type TrafficReport,
} from './traffic-conditions.js';

/** What is not as it should be, and where one acts on it. */
export interface Condition extends DoctorFinding {
  /** A page, such as `queues`. */
  readonly link: string;
}

/** Errors first. */
export interface Conditions {
  readonly conditions: readonly Condition[];
  readonly notLookedAt: readonly DoctorGap[];
  readonly checks: number;
}

/** By the beginning of the id. */
const LINKS: Readonly<Record<string, string>> = {
  'registry.': 'services',
  'queues.': 'queues',
  'streams.': 'streams',
  'calls.left-out': 'services',
  'calls.': 'topology',
  'configuration.': 'configuration',
  'process.': 'services',
};

/** Has the doctor look at everything, and adds what is known besides. */
export async function readConditions(
  { instance, isService }: Place,
  asked: Asked,
  traffic: TrafficConditions,
): Promise<Reading & { readonly value: Conditions }> {
  const service = isService ? instance.options.service : undefined;
  const report = await new HydraDoctor(instance, { service }).check();
  asked.note(report.commands);
  // Without Redis, that is the finding.
  const ofCalls = instance.redis.isReady ? await traffic.read(asked) : NO_TRAFFIC;
  return { value: conditionsOf(report, ofCalls) };
}

function conditionsOf(report: DoctorReport, ofCalls: TrafficReport): Conditions {
  const order = ['error', 'warning', 'info'];
  const conditions = [...report.findings, ...ofCalls.findings]
    .toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
    .map((finding) => ({ ...finding, link: linkOf(finding.id) }));
  const gaps = report.notLookedAt.filter(({ why }) => !why.startsWith('this process is no service'));
  return {
    conditions,
    notLookedAt: [...gaps, ...ofCalls.notLookedAt],
    checks: report.checks + TRAFFIC_CHECKS.length,
  };
}

function linkOf(id: string): string {
  const [, link] = Object.entries(LINKS).find(([prefix]) => id.startsWith(prefix)) ?? [];
  return link ?? 'overview';
}
