import { HydraError } from '../hydra-error.js';
import type { Context } from '../redis/context.js';
import { resolvesWithin } from '../runtime/waiting.js';
import type { Presence } from './presence/presence.js';

/**
 * The health of this process, in the format of Terminus.
 *
 * @publicApi
 */
export interface HydraHealthStatus {
  /** `up` or `down`. */
  readonly status: 'up' | 'down';
  /** Why it is down. */
  readonly reasons?: readonly string[];
  /** What a person should look at, although the process is ready. */
  readonly warnings?: readonly string[];
  /** What the parts of the process do: `{ calls: { sent: 3, handling: 2 } }`. */
  readonly activity?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Time a PING took, in milliseconds. */
  readonly redisMs?: number;
  readonly [detail: string]: unknown;
}

/** How long a probe waits for Redis. */
const PING_MS = 1_000;

/**
 * Liveness and readiness, for Terminus (which it does not import) or for a controller of your own.
 *
 * ```ts
 * this.health.check([() => this.hydra.isHealthy('hydra')])
 * ```
 *
 * No probe opens a connection, and none throws.
 *
 * @publicApi
 */
export class HydraHealthIndicator {
  constructor(
    private readonly context: Pick<Context, 'redis' | 'health' | 'options' | 'clock'>,
    private readonly presence: Presence,
  ) {}

  /**
   * Readiness: whether this process should get work. It is `down`, with reasons, while Redis is away or does not
   * answer, while subscriptions are not confirmed, while this instance is not registered or drains, and while a part of
   * the process (a queue, a stream) reports a problem.
   */
  async isHealthy<Key extends string = 'hydra'>(
    key = 'hydra' as Key,
  ): Promise<Record<Key, HydraHealthStatus>> {
    const { redis, health } = this.context;
    const answer = redis.isReady ? await this.ping() : undefined;
    const redisMs = typeof answer === 'number' ? answer : undefined;
    // Looked at after the ping: the connection may have been given up meanwhile.
    const { activity, problems, warnings } = health.collect();
    const reasons = [...this.connectionProblems(), ...this.presenceProblems(), ...problems];
    if (redis.isReady && redisMs === undefined)
      reasons.push(answer === undefined ? `Redis did not answer within ${PING_MS} ms` : String(answer));
    const status: HydraHealthStatus = {
      status: reasons.length === 0 ? 'up' : 'down',
      ...(reasons.length > 0 && { reasons }),
      ...(warnings.length > 0 && { warnings }),
      ...(redisMs !== undefined && { redisMs }),
      activity,
    };
    return { [key]: status } as Record<Key, HydraHealthStatus>;
  }

  /** Liveness: up for as long as the process can answer at all. A restart would not bring Redis back. */
  async isAlive<Key extends string = 'hydra'>(key = 'hydra' as Key): Promise<Record<Key, HydraHealthStatus>> {
    const status: HydraHealthStatus = { status: 'up', uptimeSeconds: Math.round(process.uptime()) };
    return { [key]: status } as Record<Key, HydraHealthStatus>;
  }

  private connectionProblems(): readonly string[] {
    const { isReady, isConnected, state, reason } = this.context.redis;
    if (isReady) return [];
    const what = isConnected ? 'the subscriptions are not confirmed' : `no connection to Redis (${state})`;
    return [reason === undefined ? what : `${what}: ${reason}`];
  }

  private presenceProblems(): readonly string[] {
    if (this.presence.isDraining) return ['draining'];
    if (!this.presence.isAnnounced) return ['not registered yet'];
    const { clock, options } = this.context;
    const { ttlMs } = options.presence;
    const sinceMs = clock.monotonic() - this.presence.beatAt;
    return sinceMs > ttlMs ? [`presence has lapsed: no heartbeat for more than presence.ttlMs=${ttlMs}`] : [];
  }

  /** The time it took, or what Redis said instead. */
  private async ping(): Promise<number | string | undefined> {
    const { clock, redis } = this.context;
    const startedAt = clock.monotonic();
    try {
      const ping = redis.run('PING', (client) => client.ping());
      if (!(await resolvesWithin(clock, ping, PING_MS))) return undefined;
      return Math.round((clock.monotonic() - startedAt) * 10) / 10;
    } catch (error) {
      return refusalIn(error);
    }
  }
}

/** Only a refusal of Redis is reported here. A broken connection has its own reason. */
function refusalIn(error: unknown): string | undefined {
  return error instanceof HydraError && error.code === 'FORBIDDEN' ? error.message : undefined;
}
