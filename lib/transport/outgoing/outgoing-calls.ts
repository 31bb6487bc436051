import { Logger } from '@nestjs/common';

import { Deadlines } from '../../delivery/deadline-wheel.js';
import { HydraError } from '../../hydra-error.js';
import type { Instance, ResolvedOptions } from '../../hydra-options.js';
import type { Keys } from '../../protocol/keys.js';
import type { UmfMessage } from '../../protocol/message.js';
import { encodeItem, Kind, readsFrames, type Item, type Load } from '../../protocol/rpc.js';
import { outside } from '../../runtime/async-context.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { createStamp } from '../../registry/presence/instance-id.js';
import { begun } from '../wire/begun-error.js';
import { CallTable } from '../wire/call-table.js';
import {
  closedError,
  lostError,
  namelessError,
  noInstanceError,
  notQueuedError,
  replyLostError,
  timeoutError,
} from './call-errors.js';
import type { Channel, Published } from '../wire/messenger.js';
import { ANONYMOUS } from './client-options.js';
import { EventSender } from './event-sender.js';
import { correlationId, isHidden, tagError } from '../wire/masked-error.js';
import { InstanceChooser } from './instance-chooser.js';
import { OutgoingCall, type CallKeeper, type CallRequest, type Reply, type Route } from './outgoing-call.js';
import { decodeValue, encodeCall, encodeRequestMessage, errorOf, replyOf } from '../wire/packet.js';
import type { Peer } from '../wire/remote-instances.js';
import { Prober } from './prober.js';
import { QueueFallback, type FallbackServices } from './queue-fallback.js';
import { ReplyWindow } from './reply-window.js';
import { noteRemote } from '../wire/remote-failure.js';
import { RetryBudget } from './retry-budget.js';

const RETRY_PARKED_MS = 20;

/**
 * Makes the calls of this process: chooses an instance, sends, waits, and ends every call by its deadline.
 *
 * A call is sent again only where it surely was not carried out (nobody received it, it was refused), or where the
 * caller says that twice does no harm.
 */
export class Caller implements CallKeeper {
  readonly chooser: InstanceChooser;
  readonly events: EventSender;
  private readonly logger = new Logger('Hydra');
  private readonly calls = new CallTable<OutgoingCall>();
  private readonly byMessageId = new Map<string, OutgoingCall>();
  private readonly parked = new Set<OutgoingCall>();
  private readonly deadlines = new Deadlines<OutgoingCall>((call) => this.expire(call));
  private readonly budget = new RetryBudget();
  private readonly window: ReplyWindow<OutgoingCall>;
  private readonly prober: Prober;
  private readonly fallback: QueueFallback;
  private readonly stopListening: () => void;
  private parkTimer: NodeJS.Timeout | undefined;
  private lastId = 0;
  private isClosed = false;

  constructor(
    private readonly channel: Channel,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly options: ResolvedOptions,
    services: FallbackServices,
  ) {
    this.chooser = new InstanceChooser(redis, options);
    this.fallback = new QueueFallback(services);
    const { chooser, fallback } = this;
    this.events = new EventSender(channel, redis, keys, chooser, fallback, () => ++this.lastId, options);
    this.window = new ReplyWindow(options.calls.replyWindowBytes, (call, granted) =>
      this.grant(call, granted),
    );
    this.prober = new Prober(channel, redis, keys, this.calls, options.calls.probeAfterMs, {
      gone: (call) => this.lose(call),
      answerLost: (call) => this.loseAnswer(call),
      neverArrived: (call) => this.sendAgain(call),
    });
    this.stopListening = redis.onState((state) => {
      if (state === 'ready') this.sendParked();
    });
  }

  /** Calls that wait for their answer. */
  get inFlight(): number {
    return this.calls.size;
  }

  /**
   * Begins a call. Nothing is thrown: what goes wrong is a reply.
   *
   * @param startedAt the instant its time counts from, if not now
   */
  start(request: CallRequest, route: Route, reply: Reply, startedAt?: number): OutgoingCall {
    // One reading serves every step: a call that reads the clock five times spends a twentieth of its CPU on that.
    const now = performance.now();
    const call = new OutgoingCall(++this.lastId, request, route, reply, startedAt ?? now, this);
    if (this.isClosed) {
      queueMicrotask(() => this.fail(call, closedError(call)));
      return call;
    }
    this.calls.add(call);
    this.deadlines.add(call);
    this.prober.wake();
    this.budget.earn();
    this.attempt(call, now);
    return call;
  }

  /** The caller does not want the answer any more: the handler is told, and its signal aborts. */
  cancel(call: OutgoingCall): void {
    if (call.isOver) return;
    this.tellCancelled(call);
    this.end(call);
  }

  /** What one of our own instances sent on the channel for answers. */
  items(peer: Peer, load: Load, items: readonly Item[]): void {
    this.chooser.loads.report(peer.id, load);
    for (const item of items) {
      if (item[0] === Kind.probed) this.probed(peer, item);
      else this.answer(peer, item);
    }
  }

  /** Some of what it sent was lost. */
  repliesLost(peer: Peer): void {
    this.prober.replyLost(peer.id);
  }

  /** An answer of a Hydra 1.x instance, or to a call made as it makes them. True when somebody waits for it. */
  message(message: UmfMessage): boolean {
    const call = message.rmid === undefined ? undefined : this.byMessageId.get(message.rmid);
    if (!call) return false;
    const { value, error } = replyOf(message);
    if (error !== undefined) this.failAnswered(call, error);
    else this.complete(call, value);
    return true;
  }

  /** Fails what waits, and takes no more. Idempotent. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stopListening();
    this.prober.stop();
    clearTimeout(this.parkTimer);
    for (const call of [...this.calls]) {
      call.mayHaveRun ||= call.instance !== undefined || call.isQueueing;
      this.fail(call, closedError(call));
    }
    this.window.stop();
  }

  /** How a PUBLISH ended that did not simply succeed. */
  published(call: OutgoingCall, outcome: Published): void {
    if (call.isOver || !call.instance) return;
    if (outcome instanceof HydraError) {
      if (!outcome.retryable) return this.fail(call, outcome);
      if (outcome.mayHaveRun && !this.mayRepeat(call)) return this.fail(call, outcome);
      call.mayHaveRun ||= outcome.mayHaveRun;
      call.lastRefusal = outcome;
      return this.park(call);
    }
    // Nobody at the server where it was published; the instance may listen at another, and hear it. The prober asks.
    if (!this.redis.countsProve(call.instance.capabilities?.server)) return;
    call.route.view.suspect(call.instance.id, 'unreached');
    this.retryElsewhere(call);
  }

  private attempt(call: OutgoingCall, now = performance.now()): void {
    // Another's reply may have ended it while it was in line.
    if (call.isOver) return;
    // A handler's own call that has no time left must not be begun.
    if (call.deadlineAt <= now) return this.expire(call);
    if (!this.redis.isReady) return this.park(call);
    // Only now: one that expired above did so waiting.
    if (this.parked.size > 0) this.parked.delete(call);
    try {
      const instance = this.chooser.choose(call.request, call.route, call.tried);
      if (instance) this.send(call, instance, now);
      else this.noneLeft(call, now);
    } catch (error) {
      // Also what a user's balancer throws.
      this.fail(call, error);
    }
  }

  private send(call: OutgoingCall, instance: Instance, now: number): void {
    const channel = this.channel.of(instance);
    if (readsFrames(instance)) {
      const remainingMs = Math.ceil(call.deadlineAt - now);
      this.window.open(call);
      const item = encodeCall(call, remainingMs, this.options.maxPayloadBytes);
      this.channel.post(channel, item, call);
    } else {
      if (this.options.service === ANONYMOUS) throw namelessError(call);
      const stamp = createStamp();
      const to = `${instance.id}@${instance.service}:/`;
      const { maxPayloadBytes } = this.options;
      const message = encodeRequestMessage(to, this.channel.address, call.request, stamp, maxPayloadBytes);
      call.mid = stamp.mid;
      this.byMessageId.set(stamp.mid, call);
      this.channel.postMessage(channel, message, call);
    }
    call.instance = instance;
    call.sentAt = now;
    this.chooser.sent(instance);
  }

  private noneLeft(call: OutgoingCall, now: number): void {
    const { request, route } = call;
    const mayQueue = !call.mayHaveRun && this.fallback.takes(request, route);
    call.waitingSince ??= now;
    const waitedMs = now - (mayQueue ? call.startedAt : call.waitingSince);
    if (waitedMs < this.chooser.patienceMs(request, route, mayQueue)) {
      call.tried = undefined;
      return this.park(call);
    }
    if (this.mayAskAgain(call)) return this.park(call);
    if (mayQueue) void this.queue(call);
    else this.fail(call, call.lastRefusal ?? noInstanceError(call));
  }

  /** Nobody else is left, but one is there that the call only got lost on the way to. */
  private mayAskAgain(call: OutgoingCall): boolean {
    const { missedBy, tried } = call;
    call.missedBy = undefined;
    return missedBy !== undefined && tried?.delete(missedBy) === true;
  }

  /** Surely nobody has it, and nobody is up. */
  private async queue(call: OutgoingCall): Promise<void> {
    call.isQueueing = true;
    try {
      const response = await this.fallback.put(call.request, call.route);
      if (call.isOver) return;
      this.end(call);
      call.reply({ response, isDisposed: true });
    } catch (error) {
      this.fail(call, error);
    }
  }

  /** Waits for Redis, or for the instances to gather again; the deadline still counts. */
  private park(call: OutgoingCall): void {
    this.detach(call);
    this.parked.add(call);
    this.parkTimer ??= outside(() => setTimeout(this.retryParked, RETRY_PARKED_MS).unref());
  }

  private readonly retryParked = (): void => {
    this.parkTimer = undefined;
    if (this.redis.isReady) this.sendParked();
  };

  private sendParked(): void {
    for (const call of [...this.parked]) this.attempt(call);
  }

  private retryElsewhere(call: OutgoingCall): void {
    if (call.isOver || call.received > 0) return;
    if (call.instance) call.exclude(call.instance.id);
    this.detach(call);
    this.attempt(call);
  }

  /** The instance is gone, and with it the answer. */
  private lose(call: OutgoingCall): void {
    if (call.isOver) return;
    if (call.instance) {
      call.route.view.suspect(call.instance.id, 'unreached');
      this.blame(call);
    }
    if (!this.mayRepeat(call)) return this.fail(call, lostError(call));
    call.mayHaveRun = true;
    this.retryElsewhere(call);
  }

  /** Its instance is done with it, or has sent on, and a part of the answer is not here. */
  private loseAnswer(call: OutgoingCall): void {
    if (call.isOver) return;
    if (!this.mayRepeat(call)) return this.fail(call, replyLostError(call));
    call.mayHaveRun = true;
    this.detach(call);
    this.renumber(call);
    this.attempt(call);
  }

  /** Its instance is there, and the call got lost on the way to it. */
  private sendAgain(call: OutgoingCall): void {
    if (call.isOver || call.received > 0) return;
    call.missedBy = call.instance?.id;
    this.renumber(call);
    this.retryElsewhere(call);
  }

  /** An instance takes a number once: with a new one it may have the call again, and what it says of the old one is nothing. */
  private renumber(call: OutgoingCall): void {
    this.calls.delete(call);
    call.id = ++this.lastId;
    this.calls.add(call);
  }

  private mayRepeat(call: OutgoingCall): boolean {
    return call.request.isIdempotent && call.received === 0 && this.budget.spend();
  }

  private probed(peer: Peer, item: Item): void {
    const [, , finished, unknown] = item;
    this.window.settled(finished);
    this.window.settled(unknown);
    this.prober.answered(peer.id, item);
  }

  /** A part of an answer may be on its way that nobody waits for any more: its instance says when it is not. */
  private askAfter({ id, instance }: OutgoingCall): void {
    if (instance && this.redis.isReady)
      this.channel.post(this.channel.of(instance), encodeItem(Kind.probe, [id]));
  }

  private answer(peer: Peer, item: Item): void {
    const call = this.calls.get(item[1]);
    // Else it is late, repeated, or from an instance that the call has left.
    if (!call || call.instance?.id !== peer.id) return;
    switch (item[0]) {
      case Kind.value:
        return this.value(call, item);
      case Kind.complete:
        return this.completed(call, item);
      case Kind.error:
        return this.failAnswered(call, begun(errorOf(item[2])));
      case Kind.refusal:
        return this.refused(call, errorOf(item[2]));
      case Kind.ask:
        if (isBytes(item[2])) this.window.ask(call, item[2]);
    }
  }

  /** `[2, id, n, value, hasBytes, sent?]` */
  private value(call: OutgoingCall, [, , before, value, hasBytes, sent]: Item): void {
    if (before !== call.received) return this.breakOff(call);
    call.received++;
    const taking = call.reply({ response: decodeValue(value, hasBytes) });
    if (!isBytes(sent)) return;
    // Only what the subscriber took makes room: what a deserializer has in its hands is not read yet.
    if (taking instanceof Promise) void taking.then(() => this.window.take(call, sent));
    else this.window.take(call, sent);
  }

  private grant(call: OutgoingCall, granted: number): void {
    if (call.instance)
      this.channel.post(this.channel.of(call.instance), encodeItem(Kind.grant, call.id, granted));
  }

  /** `[3, id, n]` or `[3, id, n, value, hasBytes?]` */
  private completed(call: OutgoingCall, [, , before, value, hasBytes]: Item): void {
    if (before !== call.received) return this.breakOff(call);
    this.complete(call, decodeValue(value, hasBytes));
  }

  /** Values are missing: the rest is of no use. */
  private breakOff(call: OutgoingCall): void {
    this.tellCancelled(call);
    this.loseAnswer(call);
  }

  private complete(call: OutgoingCall, last: unknown): void {
    this.end(call, performance.now());
    call.reply({ response: last, isDisposed: true });
  }

  private refused(call: OutgoingCall, error: unknown): void {
    if (!(error instanceof HydraError) || !error.retryable) return this.fail(call, error);
    if (error.code === 'DRAINING' && call.instance) call.route.view.suspect(call.instance.id, 'stopping');
    call.lastRefusal = error;
    if (error.code === 'OVERLOADED') this.blame(call);
    // The instance may have said to a probe by now that it does not know the old one, and never takes that again.
    this.renumber(call);
    this.retryElsewhere(call);
  }

  private expire(call: OutgoingCall): void {
    if (call.instance) {
      call.mayHaveRun = true;
      this.tellCancelled(call);
      this.blame(call);
    }
    if (call.isQueueing) return this.fail(call, notQueuedError(call));
    this.fail(call, timeoutError(call, this.parked.has(call), this.redis.isReady));
  }

  /** Not one that has left for good, which nobody would take from the breaker's account again. */
  private blame({ instance, route }: OutgoingCall): void {
    if (instance && route.view.get(instance.id)) this.chooser.failed(instance);
  }

  private tellCancelled(call: OutgoingCall): void {
    const { instance, id } = call;
    if (!instance || !readsFrames(instance) || !this.redis.isReady) return;
    this.channel.post(this.channel.of(instance), encodeItem(Kind.cancel, id));
  }

  /** The handler failed. */
  private failAnswered(call: OutgoingCall, error: unknown): void {
    if (isHidden(error)) {
      const id = correlationId(this.channel.address, call.mid ?? call.id);
      const { request, route } = call;
      this.logger.warn(`"${request.pattern}" failed inside "${route.view.service}"; correlation id ${id}`);
      tagError(error, id);
    }
    noteRemote(error);
    this.fail(call, error, true);
  }

  private fail(call: OutgoingCall, error: unknown, isAnswer = false): void {
    if (call.isOver) return;
    this.end(call, isAnswer ? performance.now() : undefined);
    call.reply({ err: call.mayHaveRun ? begun(error) : error, isDisposed: true });
  }

  /** @param answeredAt the instant, if the instance answered */
  private end(call: OutgoingCall, answeredAt?: number): void {
    this.detach(call, answeredAt);
    call.isOver = true;
    this.calls.delete(call);
    this.parked.delete(call);
    this.deadlines.remove(call);
  }

  /** Takes the call from the instance it went to. */
  private detach(call: OutgoingCall, answeredAt?: number): void {
    if (call.instance) this.chooser.ended(call.instance, call.sentAt, answeredAt);
    if (call.share > 0 && this.window.close(call, answeredAt !== undefined)) this.askAfter(call);
    if (call.mid !== undefined) this.byMessageId.delete(call.mid);
    call.instance = undefined;
    call.mid = undefined;
    call.missedAnswers = call.missedArrivals = 0;
  }
}

function isBytes(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
