/**
 * How bad something is. `error`: work is lost, refused or stands still now. `warning`: it will be, sooner or later. `info`: good
 * to know.
 */
export type FaultSeverity = 'error' | 'warning' | 'info';

/**
 * One of those that a finding is about: a service, a queue of it or an instance of it; a stream, or a group of it.
 *
 * @publicApi
 */
export interface DoctorSubject {
  /** The name of the service. */
  readonly service?: string;
  /** The name of its queue: `default`, or that of a named one. */
  readonly queue?: string;
  /** The id of one of its instances. */
  readonly instance?: string;
  /** The name of the stream. */
  readonly stream?: string;
  /** The name of a group that reads the stream. */
  readonly group?: string;
}

/**
 * What was found: with the severity it has this time, the names that stand for `<…>` in what mends it, and what it is about, which may
 * name one more than once.
 */
export interface FoundFault {
  readonly what: string;
  readonly severity?: FaultSeverity;
  readonly names?: Readonly<Record<string, string>>;
  readonly about?: readonly DoctorSubject[];
}

/** Something that may not be as it should be: found by the doctor, and some of it when an application starts. */
export interface Fault<Facts> {
  /** Stable: `memory.eviction`. */
  readonly id: string;
  readonly severity: FaultSeverity;
  /** Why it matters to services of this library. */
  readonly why: string;
  /** The command, or the setting, that mends it. */
  readonly fix: string;
  /** What was found; undefined when all is well. */
  readonly find: (facts: Facts) => string | FoundFault | undefined;
}

/** The section about a fault, in the documentation of this package. */
export function docsOf(id: string): string {
  return `docs/doctor.md#${id.replaceAll('.', '')}`;
}

/** What mends it, for these names. */
export function fixOf(fix: string, names: Readonly<Record<string, string>> = {}): string {
  return fix.replaceAll(/<(\w+)>/g, (placeholder, name: string) => names[name] ?? placeholder);
}

/** One line for a log; undefined when all is well. */
export function sayFault<Facts>({ id, why, fix, find }: Fault<Facts>, facts: Facts): string | undefined {
  const found = find(facts);
  if (found === undefined) return undefined;
  const { what, names } = typeof found === 'string' ? { what: found, names: {} } : found;
  return `${what}: ${why}. To mend it: ${fixOf(fix, names)} (${docsOf(id)})`;
}
