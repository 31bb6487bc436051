import type { CallRequest, CallTarget } from './outgoing-call.js';

/**
 * The result of a call that went into the queue of its service, because no instance was up. It is not the answer of a
 * handler.
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

/**
 * The services of the instance that it needs. They are read only when they are needed, because most processes never
 * need them.
 */
export interface FallbackServices {
  readonly queues: {
    /** Adds a plain job without waiting for a connection; gives its id. */
    addNow(
      service: string,
      pattern: string,
      data: unknown,
      headers: Readonly<Record<string, string>> | undefined,
    ): Promise<string>;
  };
}

/** Puts calls with a fallback into the default queue of their service while no instance is up. */
export class QueueFallback {
  constructor(private readonly services: FallbackServices) {}

  /**
   * Whether a call may use the queue. A queue knows no instance, version or tags, so a call that requires one of these
   * fails instead.
   */
  takes({ fallback }: CallRequest, { view, instanceId, selection }: CallTarget): boolean {
    const isForAnyInstance = instanceId === undefined && selection === undefined;
    return fallback === 'queue' && isForAnyInstance && view.servers.every((server) => view.isSuspect(server));
  }

  /**
   * Resolves once Redis has stored it. It does not wait for a connection to Redis, because the job could then be stored
   * after the deadline of the call.
   *
   * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`; `REDIS_UNAVAILABLE`, whose `mayHaveRun` says
   *   whether it may have been stored; `FORBIDDEN`
   */
  async put(
    { pattern, data, metadata }: CallRequest,
    { view: { service } }: CallTarget,
  ): Promise<HydraQueued> {
    const id = await this.services.queues.addNow(service, pattern, data, metadata);
    return new HydraQueued(id, service, pattern);
  }
}
