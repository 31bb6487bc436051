import type { Instance } from '../../hydra-options.js';
import { encodeHealth, type HealthRecord } from '../../protocol/records.js';
import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { jittered } from '../../runtime/random-source.js';
import { EdgeWriter } from '../topology/edge-writer.js';
import { ProcessMetrics } from './process-metrics.js';

/** Hydra 1.9 keeps an instance's log for a week after its last health record. */
const LOG_LIFE_SECONDS = 604_800;
/** How often that life is renewed. */
const LOG_RENEWAL_MS = 60_000;

/**
 * Writes the health record of this process at an interval. The record lives longer than the interval, so that it always
 * exists.
 */
export class HealthReporter {
  private readonly metrics: ProcessMetrics;
  private readonly edges: EdgeWriter;
  private timer: Timer | undefined;
  private logRenewedAt = -Infinity;
  private delaysMs: Readonly<Record<string, number>> = {};

  constructor(
    private readonly context: Pick<
      Context,
      'id' | 'redis' | 'keys' | 'options' | 'clock' | 'random' | 'health' | 'metrics'
    >,
    private readonly self: () => Instance,
  ) {
    this.metrics = new ProcessMetrics(context.clock);
    this.edges = new EdgeWriter(context);
  }

  /** How late the event loop ran between the last two records, in milliseconds, by percentile; empty before the second. */
  get eventLoopDelayMs(): Readonly<Record<string, number>> {
    return this.delaysMs;
  }

  start(): void {
    if (this.timer) return;
    this.metrics.start();
    this.writeAndRepeat();
  }

  stop(): void {
    this.context.clock.clear(this.timer);
    this.metrics.stop();
    this.timer = undefined;
  }

  /** This process, measured now and since the record before. */
  sample(): HealthRecord {
    const { id, service, hostName } = this.self();
    const now = new Date(this.context.clock.now()).toISOString();
    const measured = this.metrics.read();
    this.delaysMs = measured.eventLoopDelayMs;
    return {
      id,
      service,
      hostName,
      updatedOn: now,
      sampledOn: now,
      pid: process.pid,
      architecture: process.arch,
      platform: process.platform,
      nodeVersion: process.version,
      memory: { ...process.memoryUsage() },
      uptimeSeconds: process.uptime(),
      vitals: { ...measured, ...this.context.health.collect() },
    };
  }

  private writeAndRepeat(): void {
    const { clock, random, options } = this.context;
    const afterMs = jittered(options.health.intervalMs, random);
    this.timer = clock.setTimeout(() => this.writeAndRepeat(), afterMs, { isUpkeep: true });
    void this.write();
  }

  private async write(): Promise<void> {
    const { redis, keys, options } = this.context;
    if (!redis.isReady) return;
    const { id, service } = this.self();
    const record = encodeHealth(this.sample());
    const edges = this.edges.due();
    const now = this.context.clock.monotonic();
    const isLogDue = now - this.logRenewedAt >= LOG_RENEWAL_MS;
    if (isLogDue) this.logRenewedAt = now;
    await redis
      .run('write health', (client) =>
        Promise.all([
          client.set(keys.health(service, id), record, 'PX', options.health.ttlMs),
          isLogDue ? client.expire(keys.healthLog(service, id), LOG_LIFE_SECONDS) : undefined,
          edges === undefined ? undefined : this.edges.write(client, edges),
        ]),
      )
      // A missed record is replaced by the next one.
      .catch(() => {
        this.edges.failed();
        this.logRenewedAt = -Infinity;
      });
  }
}
