import type { DoctorSubject, Fault } from '../redis/faults/fault.js';
import type { Facts } from './evidence/facts.js';

/** The area of a finding. @publicApi */
export type DoctorCategory =
  | 'reach'
  | 'server'
  | 'memory'
  | 'persistence'
  | 'buffers'
  | 'monitors'
  | 'rights'
  | 'layout'
  | 'clock'
  | 'registry'
  | 'queues'
  | 'streams'
  | 'configuration'
  | 'process';

/**
 * `error`: work is lost, refused or stands still now. `warning`: it will be, sooner or later. `info`: good to know.
 *
 * @publicApi
 */
export type DoctorSeverity = 'error' | 'warning' | 'info';

/** One thing that is not as it should be. No text of it contains a secret. @publicApi */
export interface DoctorFinding {
  /** Stable, for programs: `memory.eviction`. */
  readonly id: string;
  /** What it is about: `memory`, `queues`, … */
  readonly category: DoctorCategory;
  /** How bad it is: errors make the command `doctor` end with 1. */
  readonly severity: DoctorSeverity;
  /** What was found, with the values. */
  readonly what: string;
  /** What it is about, the first twenty; empty where that is Redis itself, or the process that looks. */
  readonly about: readonly DoctorSubject[];
  /** Why it matters to services of this library. */
  readonly why: string;
  /** The command, or the setting, that mends it. */
  readonly fix: string;
  /** The section that explains it, in the documentation of this package. */
  readonly docs: string;
}

/** What could not be looked at. @publicApi */
export interface DoctorGap {
  /** The ids of the findings that can therefore not be made, or not for all. */
  readonly ids: readonly string[];
  /** Why: what Redis answered, or what is not there. */
  readonly why: string;
}

/** What {@link HydraDoctor.check} has found. @publicApi */
export interface DoctorReport {
  /** Errors first, then warnings. */
  readonly findings: readonly DoctorFinding[];
  /** What could not be looked at, and why. */
  readonly notLookedAt: readonly DoctorGap[];
  /** How many findings were looked for. */
  readonly checks: number;
  /** How long it took, in milliseconds. */
  readonly tookMs: number;
  /** How many commands Redis was sent for it. */
  readonly commands: number;
}

/** One finding that is looked for. The facts that it needs are there when it is called. */
export interface Check extends Fault<Facts> {
  readonly category: DoctorCategory;
  readonly needs: readonly (keyof Facts)[];
}
