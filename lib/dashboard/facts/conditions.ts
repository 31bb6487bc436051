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

/** Errors first. */
export interface Conditions {
  readonly conditions: readonly DoctorFinding[];
  readonly notLookedAt: readonly DoctorGap[];
  readonly checks: number;
}

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
  const findings = report.findings.map((one) => (isService ? aboutThisProcess(one, instance) : one));
  return { value: conditionsOf({ ...report, findings }, ofCalls) };
}

/** The doctor examines the process that it is in, which is an instance here. */
function aboutThisProcess(finding: DoctorFinding, { id, options: { service } }: Place['instance']) {
  return finding.id.startsWith('process.') ? { ...finding, about: [{ service, instance: id }] } : finding;
}

function conditionsOf(report: DoctorReport, ofCalls: TrafficReport): Conditions {
  const order = ['error', 'warning', 'info'];
  const conditions = [...report.findings, ...ofCalls.findings].toSorted(
    (a, b) => order.indexOf(a.severity) - order.indexOf(b.severity),
  );
  const gaps = report.notLookedAt.filter(({ why }) => !why.startsWith('this process is no service'));
  return {
    conditions,
    notLookedAt: [...gaps, ...ofCalls.notLookedAt],
    checks: report.checks + TRAFFIC_CHECKS.length,
  };
}
