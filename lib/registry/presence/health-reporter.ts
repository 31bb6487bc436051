import type { Instance, ResolvedOptions } from '../../hydra-options.js';
import type { Keys } from '../../protocol/keys.js';
import { encodeHealth, type HealthRecord } from '../../protocol/records.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import type { HealthContributors } from '../../runtime/health-contributors.js';
import { jittered } from '../jitter.js';
import { VitalSigns } from './process-metrics.js';

/** Hydra 1.9 keeps an instance's log for a week after its last health record. */
const LOG_LIFE_SECONDS = 604_800;

/** Writes this process's health record at an interval. Its life is longer than the interval, so that it is always there. */
export class HealthReporter {
  private readonly signs = new VitalSigns();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly options: ResolvedOptions,
    private readonly contributors: HealthContributors,
    private readonly self: () => Instance,
  ) {}

  start(): void {
    if (this.timer) return;
    this.signs.start();
    this.writeAndRepeat();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.signs.stop();
    this.timer = undefined;
  }

  /** This process, measured now and since the record before. */
  sample(): HealthRecord {
    const { id, service, hostName } = this.self();
    const now = new Date().toISOString();
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
      vitals: { ...this.signs.read(), ...this.contributors.collect() },
    };
  }

  private writeAndRepeat(): void {
    this.timer = setTimeout(() => this.writeAndRepeat(), jittered(this.options.health.intervalMs)).unref();
    void this.write();
  }

  private async write(): Promise<void> {
    if (!this.redis.isReady) return;
    const { id, service } = this.self();
    await this.redis
      .run('write health', (redis) =>
        Promise.all([
          redis.set(
            this.keys.health(service, id),
            encodeHealth(this.sample()),
            'PX',
            this.options.health.ttlMs,
          ),
          redis.expire(this.keys.healthLog(service, id), LOG_LIFE_SECONDS),
        ]),
      )
      // A missed record is replaced by the next one.
      .catch(() => undefined);
  }
}
