import { HydraError } from '../../hydra-error.js';
import type { Instance } from '../../hydra-options.js';
import { readsFrames } from '../../protocol/rpc.js';
import type { Context } from '../../redis/context.js';
import { createStamp } from '../../registry/presence/instance-id.js';
import { sleep } from '../../runtime/waiting.js';
import type { CallDiagnostic } from '../../diagnostics/events.js';
import { callEnded, callSent, callStarted, withHeaders } from './observed-call.js';
import { noInstanceError } from './call-errors.js';
import type { Messenger, PublishOutcome } from '../wire/messenger.js';
import type { InstanceChooser } from './instance-chooser.js';
import type { CallRequest, CallTarget } from './outgoing-call.js';
import { encodeEvent, encodeRequestMessage } from '../wire/packet.js';
import type { HydraQueued, QueueFallback } from './queue-fallback.js';
import type { RequestTime } from './request-time.js';

const RETRY_EVERY_MS = 20;

interface EventSenderOptions {
  readonly chooser: InstanceChooser;
  readonly fallback: QueueFallback;
  /** The next number of the series that calls and events share. */
  readonly nextId: () => number;
}

/** An event as it is sent, and the event for observers if there are any. */
interface Sent {
  readonly request: CallRequest;
  readonly event: CallDiagnostic | undefined;
}

/** Sends events: to one instance, or to all. Every method throws `NO_INSTANCE`, `REDIS_UNAVAILABLE`, `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`. */
export class EventSender {
  private readonly maxBytes: number;

  constructor(
    private readonly context: Pick<
      Context,
      'id' | 'address' | 'redis' | 'keys' | 'clock' | 'random' | 'options' | 'metrics'
    >,
    private readonly messenger: Messenger,
    private readonly options: EventSenderOptions,
  ) {
    this.maxBytes = context.options.maxPayloadBytes;
  }

  /**
   * Sends to one instance. Resolves when Redis has handed it over, or has stored it in the fallback queue when no
   * instance is up.
   */
  emit(request: CallRequest, target: CallTarget, time: RequestTime): Promise<HydraQueued | undefined> {
    return this.observed('event', request, target, (sent) => this.emitToOne(sent, target, time));
  }

  /** Sends to every instance that the target allows. Resolves when Redis has handed it to at least one. */
  broadcast(request: CallRequest, target: CallTarget, time: RequestTime): Promise<void> {
    return this.observed('broadcast', request, target, (sent) => this.sendToAll(sent, target, time));
  }

  private async observed<T>(
    kind: 'event' | 'broadcast',
    request: CallRequest,
    target: CallTarget,
    send: (sent: Sent) => Promise<T>,
  ): Promise<T> {
    const { id, clock, metrics } = this.context;
    const event = callStarted(kind, id, request, target);
    if (!event && !metrics) return send({ request, event });
    const startedAt = clock.monotonic();
    const ended = (error?: unknown) => {
      const tookMs = clock.monotonic() - startedAt;
      metrics?.clientEvents.of(target.view.service, request.pattern).ended(tookMs, error);
      if (event) callEnded(event, tookMs, error);
    };
    try {
      const result = await send({ request: event ? withHeaders(request, event) : request, event });
      ended();
      return result;
    } catch (error) {
      ended(error);
      throw error;
    }
  }

  private async emitToOne(
    sent: Sent,
    target: CallTarget,
    time: RequestTime,
  ): Promise<HydraQueued | undefined> {
    const { request } = sent;
    if (!this.context.redis.isReady) await this.reconnected(`emit "${request.pattern}"`, time);
    time.enter('redis');
    const { chooser, fallback } = this.options;
    const { clock } = this.context;
    const startedAt = clock.monotonic();
    const tried = new Set<string>();
    for (;;) {
      // The user was already told that it failed.
      if (time.isOver) return undefined;
      const instance = chooser.choose(request, target, tried);
      if (!instance) {
        const mayQueue = fallback.takes(request, target);
        if (clock.monotonic() - startedAt < chooser.patienceMs(request, target, mayQueue)) {
          tried.clear();
          await sleep(clock, RETRY_EVERY_MS);
          continue;
        }
        if (mayQueue) return fallback.put(request, target);
        throw noInstanceError({ request, target });
      }
      const outcome = await this.post(sent, instance);
      if (outcome === 'delivered') return undefined;
      if (outcome instanceof HydraError) throw outcome;
      target.view.suspect(instance.id, 'unreached');
      tried.add(instance.id);
    }
  }

  private async sendToAll(sent: Sent, target: CallTarget, time: RequestTime): Promise<void> {
    const { view, selection } = target;
    const { request, event } = sent;
    if (!this.context.redis.isReady) await this.reconnected('broadcast', time);
    if (time.isOver) return;
    time.enter('redis');
    if (selection) return this.multicast(sent, target, selection.of(view.servers));
    const channel = this.context.keys.serviceChannel(view.service);
    // If one of them is a Hydra 1.x instance, all get a UMF message.
    const isOurs = view.servers.every(readsFrames);
    const isInShard = view.servers.every(({ capabilities }) => capabilities?.sharded);
    const wire = isOurs
      ? this.messenger.frame(this.item(request))
      : this.message(`${view.service}:/`, request);
    this.context.metrics?.encoded('event', wire.length);
    if (event) callSent(event, undefined, wire);
    const isReceived = await this.context.redis.run('broadcast', () =>
      this.messenger.postToAll(channel, wire, isInShard),
    );
    if (!isReceived) throw noInstanceError({ request, target });
  }

  private async reconnected(what: string, time: RequestTime): Promise<void> {
    time.enter('connection');
    await this.context.redis.run(what, async () => undefined);
  }

  private async multicast(
    { request, event }: Sent,
    target: CallTarget,
    instances: readonly Instance[],
  ): Promise<void> {
    // This is one broadcast, so observers are told of its first message only.
    const parts = instances.map((instance, index) =>
      this.post({ request, event: index === 0 ? event : undefined }, instance),
    );
    const outcomes = await Promise.all(parts);
    if (outcomes.includes('delivered')) return;
    const failures = outcomes.filter((outcome) => outcome instanceof HydraError);
    throw (
      failures.find(({ mayHaveRun }) => mayHaveRun) ?? failures[0] ?? noInstanceError({ request, target })
    );
  }

  private post({ request, event }: Sent, instance: Instance): Promise<PublishOutcome> {
    const { id, service } = instance;
    const channel = this.messenger.channelOf(instance);
    return new Promise((resolve) => {
      const listener = { onPublished: resolve };
      const isOurs = readsFrames(instance);
      const text = isOurs ? this.item(request) : this.message(`${id}@${service}:/`, request);
      this.context.metrics?.encoded('event', text.length);
      if (event) callSent(event, id, text);
      if (isOurs) this.messenger.post(channel, text, listener);
      else this.messenger.postMessage(channel, text, listener);
    });
  }

  private item({ pattern, data, metadata }: CallRequest): string {
    return encodeEvent(this.options.nextId(), pattern, data, metadata, this.maxBytes);
  }

  private message(to: string, request: CallRequest): string {
    return encodeRequestMessage(to, this.context.address, request, createStamp(this.context), this.maxBytes);
  }
}
