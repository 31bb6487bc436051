import { DURATION_BOUNDS_MS } from './histogram.js';
import type { MetricFamily, MetricValue } from './metric-family.js';
import type { SeriesTable } from './series-table.js';
import type { WorkSeries } from './work-series.js';

const SECOND_MS = 1_000;
const BOUNDS_S = DURATION_BOUNDS_MS.map((bound) => bound / SECOND_MS);

export interface WorkNames {
  /** Such as `hydra_client_call`: `_duration_seconds` and the like are put behind it. */
  readonly name: string;
  /** Such as `calls that this process made`. */
  readonly what: string;
  /** Whether it is ever done again. */
  readonly isRetried?: boolean;
}

/** What one table tells: durations, errors by their code, and retries. */
export function workFamilies(
  table: SeriesTable,
  { name, what, isRetried = false }: WorkNames,
  common: Readonly<Record<string, string>>,
): MetricFamily[] {
  const all = [...table];
  const labelsOf = ({ labels }: WorkSeries) => {
    const [first, second] = table.labelNames;
    return { ...common, [first]: labels[0]!, [second]: labels[1]! };
  };
  const retried = all.filter(({ retries }) => retries > 0);
  const families: MetricFamily[] = [
    {
      kind: 'histogram',
      name: `${name}_duration_seconds`,
      help: `How long ${what} took.`,
      bounds: BOUNDS_S,
      values: all.map((series) => {
        const { counts, sum } = series.durations;
        return { labels: labelsOf(series), counts: Array.from(counts), sum: sum / SECOND_MS };
      }),
    },
    {
      kind: 'counter',
      name: `${name}_errors_total`,
      help: `How many ${what} failed, by the code of the error.`,
      values: all.flatMap((series) => errorsOf(series, labelsOf(series))),
    },
  ];
  if (!isRetried) return families;
  const values = retried.map((series) => ({ labels: labelsOf(series), value: series.retries }));
  const help = `How often ${what} were tried again.`;
  return [...families, { kind: 'counter', name: `${name}_retries_total`, help, values }];
}

function errorsOf({ errors }: WorkSeries, labels: Readonly<Record<string, string>>): MetricValue[] {
  return [...errors].map(([code, value]) => ({ labels: { ...labels, code }, value }));
}
