import type { DoctorFinding, DoctorGap, DoctorReport } from '../../doctor/finding.js';
import { HydraDoctor } from '../../doctor/hydra-doctor.js';
import type { HydraInstance } from '../../hydra-instance.js';
import type { Reading } from '../collect/collector.js';
import type { Place } from './place.js';
import type { TrafficConditions } from './traffic-conditions.js';

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
  'calls.': 'topology',
  'configuration.': 'configuration',
  'process.': 'services',
};

const NO_TRAFFIC = { conditions: [], commands: 0 };

/** Has the doctor look at everything, and adds what is known besides. */
export async function readConditions(
  { instance, isService }: Place,
  traffic: TrafficConditions,
): Promise<Reading & { readonly value: Conditions }> {
  const service = isService ? instance.options.service : undefined;
  const report = await new HydraDoctor(instance as HydraInstance, { service }).check();
  // Without Redis, that is the finding.
  const { conditions, commands } = instance.redis.isReady ? await traffic.read() : NO_TRAFFIC;
  return { value: conditionsOf(report, conditions), commands: report.commands + commands };
}

function conditionsOf(report: DoctorReport, others: readonly DoctorFinding[]): Conditions {
  const order = ['error', 'warning', 'info'];
  const all = [...report.findings, ...others];
  const conditions = all
    .toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
    .map((finding) => ({ ...finding, link: linkOf(finding.id) }));
  const gaps = report.notLookedAt.filter(({ why }) => !why.startsWith('this process is no service'));
  return { conditions, notLookedAt: gaps, checks: report.checks };
}

function linkOf(id: string): string {
  const [, link] = Object.entries(LINKS).find(([prefix]) => id.startsWith(prefix)) ?? [];
  return link ?? 'overview';
}
