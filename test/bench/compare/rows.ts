import { intervalOf, type Interval } from '../support/paired.js';
import { median } from '../support/statistics.js';
import type { MeasuredRun } from './subject.js';

/** What is compared of a run. CPU is in milliseconds for 1,000 operations. */
const MEASURES: Readonly<Record<string, (run: MeasuredRun) => number | undefined>> = {
  'operations/s': ({ operations, elapsedMs }) => (operations / elapsedMs) * 1_000,
  'client CPU': ({ clientCpuMs, operations }) => perThousand(clientCpuMs, operations),
  'server CPU': ({ serverCpuMs, operations }) => perThousand(serverCpuMs, operations),
  'Redis CPU': ({ redisCpuMs, operations }) => perThousand(redisCpuMs, operations),
};
export const RATE = 'operations/s';

const perThousand = (cpuMs: number | undefined, operations: number) => cpuMs && (cpuMs / operations) * 1_000;

/** One measure of one row, over all rounds so far. */
export interface Compared {
  readonly row: string;
  readonly measure: string;
  /** Medians of the rounds. */
  readonly before: number;
  readonly now: number;
  /** of now to before. */
  readonly interval: Interval;
}

/** The runs of both builds in one round: run n of one was beside run n of the other. */
export type RoundRuns = Readonly<Record<'before' | 'now', readonly MeasuredRun[]>>;

interface Logs {
  readonly before: number[];
  readonly now: number[];
  readonly ratios: number[];
}

/**
 * Collects rounds. What counts once is a round, not a run, since runs of the same processes resemble one another. A
 * round's ratio is the median of its neighbouring runs: what else the machine did for a moment is then left out.
 */
export class Row {
  private readonly measures = new Map<string, Logs>();

  constructor(private readonly name: string) {}

  add({ before, now }: RoundRuns): void {
    for (const [measure, of] of Object.entries(MEASURES)) {
      const [a, b] = [logsOf(before, of), logsOf(now, of)];
      if (![...a, ...b].every(Number.isFinite)) continue;
      const logs = this.measures.get(measure) ?? { before: [], now: [], ratios: [] };
      this.measures.set(measure, logs);
      logs.before.push(median(a));
      logs.now.push(median(b));
      logs.ratios.push(median(b.map((value, run) => value - a[run]!)));
    }
  }

  compared(): readonly Compared[] {
    return [...this.measures].map(([measure, { before, now, ratios }]) => ({
      row: this.name,
      measure,
      before: Math.exp(median(before)),
      now: Math.exp(median(now)),
      interval: intervalOf(ratios),
    }));
  }
}

/** NaN where a run measured no such thing. */
const logsOf = (runs: readonly MeasuredRun[], of: (run: MeasuredRun) => number | undefined) =>
  runs.map((run) => Math.log(of(run) ?? NaN));
