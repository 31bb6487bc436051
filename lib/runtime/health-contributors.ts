/**
 * What one part of this process says of itself.
 *
 * @publicApi
 */
export interface HealthFindings {
  /** Counts and gauges, in the unit their name says: `{ running: 3, oldestMs: 120 }`. */
  readonly activity?: Readonly<Record<string, number>>;
  /** Why this part cannot do its work now. The process is not ready while there is one. */
  readonly problem?: string | undefined;
  /** What a person should look at although this part does its work. The process stays ready. */
  readonly warning?: string | undefined;
}

/**
 * Asked at every health record and every readiness probe: it must be quick, and do no I/O.
 *
 * @publicApi
 */
export type HealthProbe = () => HealthFindings;

/** What all parts of a process said at one moment. */
export interface CollectedHealth {
  /** Counts and gauges, by part and name. */
  readonly activity: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** `<part>: <why>` each. */
  readonly problems: readonly string[];
  /** `<part>: <what>` each. */
  readonly warnings: readonly string[];
}

/**
 * Where the parts of a process (calls, queue, streams, the application's own) say how they are, for the health record and
 * for readiness.
 *
 * ```ts
 * const forget = health.contribute('queue', () => ({ activity: { running }, problem: isStalled ? 'stalled' : undefined }));
 * ```
 *
 * @publicApi
 */
export class HealthContributors {
  private readonly probes = new Map<string, HealthProbe>();

  /** Asks this probe too from now on, in place of an earlier one of that name; the returned function stops that. */
  contribute(name: string, probe: HealthProbe): () => void {
    this.probes.set(name, probe);
    return () => {
      if (this.probes.get(name) === probe) this.probes.delete(name);
    };
  }

  /**
   * Asks every probe. One that throws, or whose answer cannot be read, is a problem of its part, not of the others. What is
   * not a finite number is left out.
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

/** What a probe answers is read here and nowhere else: it may be anything, and reading it may throw. */
function ask(probe: HealthProbe): HealthFindings {
  try {
    const answer = (probe() as HealthFindings | undefined) ?? {};
    if (answer instanceof Promise) {
      // Nobody waits for it: its failure must not end the process.
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
