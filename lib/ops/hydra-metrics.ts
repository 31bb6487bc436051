import type { HydraInstance } from '../hydra-instance.js';
import type { MetricFamily } from '../metrics/metric-family.js';
import { PROMETHEUS_TEXT, prometheusText } from '../metrics/prometheus-text.js';
import { FleetGauges } from './fleet-gauges.js';

/** How long a scrape waits for what is read from Redis. */
const REFRESH_MS = 500;

/**
 * What this process has counted since its start.
 *
 * ```ts
 * @Get('metrics')
 * read(@Res() answer: Response) {
 *   answer.type(this.metrics.contentType).send(this.metrics.text());
 * }
 * ```
 *
 * Nothing is read from Redis for it but the depth of queues and the lag of groups: that is read every five seconds while
 * somebody reads the metrics, by the one instance of the service that reports it.
 *
 * @publicApi
 */
export class HydraMetrics {
  /** Of {@link text}, as Prometheus 3 requires it. */
  readonly contentType = PROMETHEUS_TEXT;
  private readonly fleet: FleetGauges;

  /** @internal */
  constructor(private readonly instance: HydraInstance) {
    this.fleet = new FleetGauges(instance);
  }

  /** Everything in the text format of Prometheus; '' where `metrics.enabled` is false. Never fails, and does no I/O. */
  text(): string {
    return prometheusText(this.families());
  }

  /** The same as data. */
  families(): readonly MetricFamily[] {
    this.fleet.wake();
    return this.instance.metrics?.collect() ?? [];
  }

  /** As {@link text}, with what is read from Redis not older than a second; waits for that for half a second at most. */
  async freshText(): Promise<string> {
    await this.fleet.refresh(REFRESH_MS);
    return this.text();
  }

  /** Reads nothing from Redis any more. @internal */
  close(): Promise<void> {
    return this.fleet.close();
  }
}
