import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

import type { HealthVitals } from '../../protocol/records.js';
import type { Clock } from '../../runtime/clock.js';

/** How often the event loop's lateness is looked at, in ms: what the histogram adds to each value, and we take off. */
const RESOLUTION_MS = 20;
const PERCENTILES = { p50: 50, p99: 99, max: 100 } as const;

/** Measures this process from one reading to the next: how late its event loop runs, how much CPU it uses. */
export class ProcessMetrics {
  private readonly delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private cpu = process.cpuUsage();
  private since: number;

  constructor(private readonly clock: Clock) {
    this.since = clock.monotonic();
  }

  start(): void {
    this.delays.enable();
  }

  stop(): void {
    this.delays.disable();
  }

  /** Since the last reading, or the start. */
  read(): Pick<HealthVitals, 'eventLoopDelayMs' | 'cpu'> {
    const now = this.clock.monotonic();
    const { user, system } = process.cpuUsage(this.cpu);
    const vitals = {
      eventLoopDelayMs: this.readDelays(),
      cpu: round((user + system) / 1_000 / Math.max(1, now - this.since)),
    };
    this.cpu = process.cpuUsage();
    this.since = now;
    this.delays.reset();
    return vitals;
  }

  private readDelays(): Record<string, number> {
    const isEmpty = this.delays.count === 0;
    const entries = Object.entries(PERCENTILES).map(([name, percentile]) => {
      const measuredMs = isEmpty ? 0 : this.delays.percentile(percentile) / 1e6;
      return [name, round(Math.max(0, measuredMs - RESOLUTION_MS))];
    });
    return Object.fromEntries(entries) as Record<string, number>;
  }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
