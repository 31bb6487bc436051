import { writeJob } from '../../delivery/job-writing.js';
import type { ResolvedOptions } from '../../hydra.options.js';
import type { Keys } from '../../protocol/keys.js';
import type { RedisConnections } from '../../redis/redis.connections.js';
import { createStamp } from '../../registry/ids.js';
import type { CallRequest, Route } from './outgoing-call.js';

/**
 * What a call gives that went into the queue of its service, because no instance was up: no handler's answer.
 *
 * @publicApi
 */
export class HydraQueued {
  constructor(
    /** The job's id, for `QueueService.get` and `remove`. */
    readonly id: string,
    readonly service: string,
    readonly pattern: string,
  ) {}
}

/** Where calls go that asked for it, while no instance of their service is up: into its default queue. */
export class QueueFallback {
  constructor(
    private readonly from: string,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly options: ResolvedOptions,
  ) {}

  /** Whether it may go there. A queue knows no particular instance, version or tags; who asked for one gets an error. */
  takes({ fallback }: CallRequest, { view, instanceId, selection }: Route): boolean {
    const isForAnyInstance = instanceId === undefined && selection === undefined;
    return fallback === 'queue' && isForAnyInstance && view.servers.every((server) => view.isSuspect(server));
  }

  /**
   * Resolves once Redis has stored it. Does not wait for a Redis that is away, lest it be stored behind its deadline.
   *
   * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`; `REDIS_UNAVAILABLE`, whose `mayHaveRun` says
   *   whether it may have been stored; `FORBIDDEN`
   */
  async put({ pattern, data, metadata }: CallRequest, { view: { service } }: Route): Promise<HydraQueued> {
    const stamp = createStamp();
    const job = { service, from: this.from, pattern, data, headers: metadata };
    const raw = writeJob(job, stamp, this.options.maxPayloadBytes);
    try {
      await this.redis.commands.lpush(this.keys.waiting(service), raw);
    } catch (cause) {
      throw this.redis.failure(`"${pattern}" into the queue of "${service}"`, cause);
    }
    return new HydraQueued(stamp.mid, service, pattern);
  }
}
