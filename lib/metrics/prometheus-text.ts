import type { MetricFamily, MetricHistogram } from './metric-family.js';

/** What Prometheus 3 wants to be told. */
export const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** Writes metrics as Prometheus reads them. A family without values is left out. */
export function prometheusText(families: Iterable<MetricFamily>): string {
  let text = '';
  for (const family of families) {
    if (family.values.length === 0) continue;
    const { name, help, kind } = family;
    text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${kind}\n`;
    if (family.kind === 'histogram') text += histograms(name, family.bounds, family.values);
    else for (const { labels, value } of family.values) text += `${name}${braced(pairs(labels))} ${value}\n`;
  }
  return text;
}

function histograms(name: string, bounds: readonly number[], values: readonly MetricHistogram[]): string {
  const heads = [...bounds.map(String), '+Inf'].map((bound) => `le="${bound}"`);
  let text = '';
  for (const { labels, counts, sum } of values) {
    const around = pairs(labels);
    const start = `${name}_bucket{${around}${around && ','}`;
    let below = 0;
    for (let index = 0; index < heads.length; index++) {
      below += counts[index] ?? 0;
      text += `${start}${heads[index]}} ${below}\n`;
    }
    text += `${name}_sum${braced(around)} ${rounded(sum)}\n${name}_count${braced(around)} ${below}\n`;
  }
  return text;
}

function braced(around: string): string {
  return around && `{${around}}`;
}

function pairs(labels: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name in labels) text += `${text && ','}${name}="${escaped(labels[name]!)}"`;
  return text;
}

function escaped(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** Sums of many fractions of a millisecond carry digits that mean nothing. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
