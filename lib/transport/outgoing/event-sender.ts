import { setTimeout as sleep } from 'node:timers/promises';

import { HydraError } from '../../hydra-error.js';
import type { Instance, ResolvedOptions } from '../../hydra-options.js';
import type { Keys } from '../../protocol/keys.js';
import { readsFrames } from '../../protocol/rpc.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { createStamp } from '../../registry/presence/instance-id.js';
import { noInstanceError } from './call-errors.js';
import type { Channel, Published } from '../wire/messenger.js';
import type { InstanceChooser } from './instance-chooser.js';
import type { CallRequest, Route } from './outgoing-call.js';
import { encodeEvent, encodeRequestMessage } from '../wire/packet.js';
import type { HydraQueued, QueueFallback } from './queue-fallback.js';
import type { RequestTime } from './request-time.js';

const LOOK_AGAIN_MS = 20;

/** Sends events: to one instance, or to all. Every method throws `NO_INSTANCE`, `REDIS_UNAVAILABLE`, `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`. */
export class EventSender {
  private readonly maxBytes: number;

  constructor(
    private readonly channel: Channel,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly chooser: InstanceChooser,
    private readonly fallback: QueueFallback,
    /** The next number of the series that calls and events share. */
    private readonly nextId: () => number,
    { maxPayloadBytes }: ResolvedOptions,
  ) {
    this.maxBytes = maxPayloadBytes;
  }

  /** To one instance; resolves once Redis has handed it over, or has stored it where it may go when none is up. */
  async emit(request: CallRequest, route: Route, time: RequestTime): Promise<HydraQueued | undefined> {
    if (!this.redis.isReady) await this.reconnected(`emit "${request.pattern}"`, time);
    time.stage = 'redis';
    const startedAt = performance.now();
    const tried = new Set<string>();
    for (;;) {
      // Its user was told that it failed.
      if (time.isOver) return undefined;
      const instance = this.chooser.choose(request, route, tried);
      if (!instance) {
        const mayQueue = this.fallback.takes(request, route);
        if (performance.now() - startedAt < this.chooser.patienceMs(request, route, mayQueue)) {
          tried.clear();
          await sleep(LOOK_AGAIN_MS, undefined, { ref: false });
          continue;
        }
        if (mayQueue) return this.fallback.put(request, route);
        throw noInstanceError({ request, route });
      }
      const outcome = await this.post(request, instance);
      if (outcome === 'delivered') return undefined;
      if (outcome instanceof HydraError) throw outcome;
      route.view.suspect(instance.id, 'unreached');
      tried.add(instance.id);
    }
  }

  /** To every instance that the route allows; resolves once Redis has handed it to one at least. */
  async broadcast(request: CallRequest, route: Route, time: RequestTime): Promise<void> {
    const { view, selection } = route;
    if (!this.redis.isReady) await this.reconnected('broadcast', time);
    if (time.isOver) return;
    time.stage = 'redis';
    if (selection) return this.multicast(request, route, selection.of(view.servers));
    const channel = this.keys.serviceChannel(view.service);
    // One Hydra 1.x instance among them, and all are told in its way.
    const isOurs = view.servers.every(readsFrames);
    const wire = isOurs ? this.channel.frame(this.item(request)) : this.message(`${view.service}:/`, request);
    const isReceived = await this.redis.run('broadcast', () => this.channel.postToAll(channel, wire));
    if (!isReceived) throw noInstanceError({ request, route });
  }

  private async reconnected(what: string, time: RequestTime): Promise<void> {
    time.stage = 'connection';
    await this.redis.run(what, async () => undefined);
  }

  private async multicast(request: CallRequest, route: Route, instances: readonly Instance[]): Promise<void> {
    const outcomes = await Promise.all(instances.map((instance) => this.post(request, instance)));
    if (outcomes.includes('delivered')) return;
    const failures = outcomes.filter((outcome) => outcome instanceof HydraError);
    throw failures.find(({ mayHaveRun }) => mayHaveRun) ?? failures[0] ?? noInstanceError({ request, route });
  }

  private post(request: CallRequest, instance: Instance): Promise<Published> {
    const { id, service } = instance;
    const channel = this.keys.instanceChannel(service, id);
    return new Promise((resolve) => {
      const sender = { published: resolve };
      if (readsFrames(instance)) this.channel.post(channel, this.item(request), sender);
      else this.channel.postMessage(channel, this.message(`${id}@${service}:/`, request), sender);
    });
  }

  private item({ pattern, data, metadata }: CallRequest): string {
    return encodeEvent(this.nextId(), pattern, data, metadata, this.maxBytes);
  }

  private message(to: string, request: CallRequest): string {
    return encodeRequestMessage(to, this.channel.address, request, createStamp(), this.maxBytes);
  }
}
