/**
 * The health of one part of this process.
 *
 * @publicApi
 */
export interface HealthFindings {
  /** Counts and gauges, in the unit their name says: `{ running: 3, oldestMs: 120 }`. */
  readonly activity?: Readonly<Record<string, number>>;
  /** Why this part cannot do its work now. The process is not ready while there is one. */
  readonly problem?: string | undefined;
  /** What a person should look at, although this part works. The process stays ready. */
  readonly warning?: string | undefined;
}

/**
 * Called for every health record and every readiness probe. It must be quick, and must do no I/O.
 *
 * @publicApi
 */
export type HealthProbe = () => HealthFindings;

/** The health of all parts of a process at one moment. */
export interface CollectedHealth {
  /** Counts and gauges, by part and name. */
  readonly activity: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** `<part>: <why>` each. */
  readonly problems: readonly string[];
  /** `<part>: <what>` each. */
  readonly warnings: readonly string[];
}

/**
 * Collects the health of the parts of a process (calls, queue, streams, parts of the application), for the health
 * record and for readiness.
 *
 * ```ts
 * const forget = health.contribute('queue', () => ({ activity: { running }, problem: isStalled ? 'stalled' : undefined }));
 * ```
 *
 * @publicApi
 */
export class HealthContributors {
  private readonly probes = new Map<string, HealthProbe>();

  /** Adds a probe, or replaces the earlier one with this name. The returned function removes it. */
  contribute(name: string, probe: HealthProbe): () => void {
    this.probes.set(name, probe);
    return () => {
      if (this.probes.get(name) === probe) this.probes.delete(name);
    };
  }

  /**
   * Calls every probe. If a probe throws, or its answer cannot be read, this is a problem of its own part only. Numbers
   * that are not finite are left out.
   */
  collect(): CollectedHealth {
    const activity: Record<string, Readonly<Record<string, number>>> = {};
    const problems: string[] = [];
    const warnings: string[] = [];
    for (const [name, probe] of this.probes) {
      const { activity: numbers, problem, warning } = ask(probe);
      if (numbers) activity[name] = numbers;
      if (problem !== undefined) problems.push(`${name}: ${problem}`);
      if (warning !== undefined) warnings.push(`${name}: ${warning}`);
    }
    return { activity, problems, warnings };
  }
}

/** The answer of a probe is read only here: it may be anything, and reading it may throw. */
function ask(probe: HealthProbe): HealthFindings {
  try {
    const answer = (probe() as HealthFindings | undefined) ?? {};
    if (answer instanceof Promise) {
      // Nothing waits for this promise, so its failure must not end the process.
      answer.catch(() => undefined);
      return { problem: 'its probe failed: it answers with a promise' };
    }
    const { activity, problem, warning } = answer;
    return {
      ...(activity && { activity: numbersOf(activity) }),
      problem: text(problem),
      warning: text(warning),
    };
  } catch (error) {
    return { problem: `its probe failed: ${reason(error)}` };
  }
}

function numbersOf(activity: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  const entries = Object.entries(activity);
  return Object.fromEntries(entries.filter((entry): entry is [string, number] => Number.isFinite(entry[1])));
}

function text(value: string | number | null | undefined): string | undefined {
  return value === undefined || value === null ? undefined : String(value);
}

function reason(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'what it throws cannot be read';
  }
}
