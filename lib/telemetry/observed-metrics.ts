import type { Meter, ObservableResult } from '@opentelemetry/api';

import type { MetricFamily } from '../metrics/metric-family.js';

/** Gauges and counters that a collection finds; histograms cannot be given to OpenTelemetry from their buckets. */
type Plain = Exclude<MetricFamily, { readonly kind: 'histogram' }>;

/** One collection asks for every metric; they are read once for all of them. */
const SAME_MS = 50;

/**
 * Gives OpenTelemetry what this process counts by itself: `hydra_queue_jobs` is `hydra.queue.jobs` there. It is read when
 * OpenTelemetry collects, and costs nothing else.
 */
export class ObservedMetrics {
  private readonly known = new Set<string>();
  private readonly ends: (() => void)[] = [];
  private families: readonly Plain[] = [];
  private readAt = -Infinity;

  constructor(
    private readonly meter: Meter,
    private readonly read: () => readonly MetricFamily[],
    private readonly now: () => number,
  ) {}

  start(): void {
    for (const family of this.current()) this.add(family);
  }

  end(): void {
    for (const end of this.ends.splice(0)) end();
  }

  private current(): readonly Plain[] {
    const now = this.now();
    if (now - this.readAt < SAME_MS) return this.families;
    this.readAt = now;
    this.families = this.read().filter((family) => family.kind !== 'histogram');
    // What is counted for the first time joins with the next collection.
    for (const family of this.families) if (this.known.size > 0) this.add(family);
    return this.families;
  }

  private add({ name, kind, help }: Plain): void {
    if (this.known.has(name)) return;
    this.known.add(name);
    const own = name.replace(/_total$/, '').replaceAll('_', '.');
    const options = { description: help };
    const observable =
      kind === 'gauge'
        ? this.meter.createObservableGauge(own, options)
        : this.meter.createObservableCounter(own, options);
    const observe = (result: ObservableResult) => {
      const family = this.current().find((one) => one.name === name);
      for (const { value, labels } of family?.values ?? []) result.observe(value, labels);
    };
    observable.addCallback(observe);
    this.ends.push(() => observable.removeCallback(observe));
  }
}
