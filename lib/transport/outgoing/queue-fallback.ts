import type { CallRequest, CallTarget } from './outgoing-call.js';

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

/** What it takes of the instance's services. Asked for when it is needed: most processes never do. */
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

/** Where calls go that asked for it, while no instance of their service is up: into its default queue. */
export class QueueFallback {
  constructor(private readonly services: FallbackServices) {}

  /** Whether it may go there. A queue knows no particular instance, version or tags; who asked for one gets an error. */
  takes({ fallback }: CallRequest, { view, instanceId, selection }: CallTarget): boolean {
    const isForAnyInstance = instanceId === undefined && selection === undefined;
    return fallback === 'queue' && isForAnyInstance && view.servers.every((server) => view.isSuspect(server));
  }

  /**
   * Resolves once Redis has stored it. Does not wait for a Redis that is away, lest it be stored behind its deadline.
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
