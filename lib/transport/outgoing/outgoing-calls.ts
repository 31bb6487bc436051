import { Logger } from '@nestjs/common';

import { DeadlineWheel } from '../../delivery/deadline-wheel.js';
import { HydraError } from '../../hydra-error.js';
import type { Instance } from '../../hydra-options.js';
import type { UmfMessage } from '../../protocol/message.js';
import { encodeItem, Kind, readsFrames, type Load } from '../../protocol/rpc.js';
import type { Context } from '../../redis/context.js';
import { OTHER } from '../../metrics/work-series.js';
import { createStamp } from '../../registry/presence/instance-id.js';
import { begun } from '../wire/begun-error.js';
import { CallTable } from '../wire/call-table.js';
import { correlationId, isMasked, tagError } from '../wire/masked-error.js';
import type { ItemHandlers, Messenger, PublishListener, PublishOutcome } from '../wire/messenger.js';
import { encodeCall, encodeRequestMessage } from '../wire/packet.js';
import type { RemoteInstance } from '../wire/remote-instances.js';
import { noteRemote } from '../wire/remote-failure.js';
import {
  cancelledError,
  closedError,
  lostError,
  namelessError,
  noInstanceError,
  notQueuedError,
  replyLostError,
  timeoutError,
} from './call-errors.js';
import { Cancellations } from './cancellations.js';
import { ANONYMOUS } from './client-options.js';
import { EventSender } from './event-sender.js';
import { InstanceChooser } from './instance-chooser.js';
import { callEnded, callSent, callStarted, withHeaders } from './observed-call.js';
import { OutgoingCall, type CallRequest, type CallTarget, type Reply } from './outgoing-call.js';
import { Prober, type ProbeListener } from './prober.js';
import { QueueFallback, type FallbackServices } from './queue-fallback.js';
import { ReplyReader, type ReplyListener } from './reply-reader.js';
import { ReplyWindow, type ReplyCredit } from './reply-window.js';
import { RetryBudget } from './retry-budget.js';
import { WaitingCalls } from './waiting-calls.js';

type OutgoingContext = Pick<
  Context,
  'id' | 'address' | 'redis' | 'keys' | 'options' | 'clock' | 'random' | 'metrics'
>;

/** One attempt of a call, on its way: what becomes of it says nothing of a later one. */
interface Sent {
  readonly call: OutgoingCall;
  readonly attempt: number;
}

/** The attempt that begins now. */
function next(call: OutgoingCall): Sent {
  return { call, attempt: call.attempts + 1 };
}

/**
 * Makes the calls of this process: chooses an instance, sends, waits, and ends every call by its deadline.
 *
 * A call is sent again only if it certainly was not executed (nobody received it, it was refused), or if its user
 * marked it as idempotent.
 */
export class OutgoingCalls implements PublishListener<Sent>, ProbeListener, ReplyListener {
  readonly chooser: InstanceChooser;
  readonly events: EventSender;
  private readonly logger = new Logger('Hydra');
  private readonly calls = new CallTable<OutgoingCall>();
  private readonly waiting: WaitingCalls;
  private readonly deadlines: DeadlineWheel<OutgoingCall>;
  private readonly budget = new RetryBudget();
  private readonly window: ReplyWindow<OutgoingCall>;
  private readonly replies: ReplyReader;
  private readonly prober: Prober;
  private readonly cancellations: Cancellations;
  private readonly fallback: QueueFallback;
  private lastId = 0;
  private isClosed = false;

  constructor(
    private readonly context: OutgoingContext,
    private readonly messenger: Messenger,
    services: FallbackServices,
  ) {
    const { clock, options } = context;
    this.chooser = new InstanceChooser(context);
    this.fallback = new QueueFallback(services);
    const { chooser, fallback } = this;
    this.events = new EventSender(context, messenger, { chooser, fallback, nextId: () => ++this.lastId });
    this.deadlines = new DeadlineWheel<OutgoingCall>(clock, (call) => this.expire(call));
    this.window = new ReplyWindow(clock, options.calls.replyWindowBytes, (call, granted) =>
      this.grant(call, granted),
    );
    this.replies = new ReplyReader(this.calls, this.window, this);
    this.prober = new Prober(context, messenger, this.calls, this);
    this.cancellations = new Cancellations(context, messenger);
    this.waiting = new WaitingCalls(context, (call) => this.attempt(call));
  }

  /** Calls that wait for their answer. */
  get inFlight(): number {
    return this.calls.size;
  }

  /** For each kind of item that a caller receives: the method that handles it. */
  get handlers(): ItemHandlers {
    return { ...this.replies.handlers, [Kind.probed]: (from, item) => this.onProbed(from, item) };
  }

  /**
   * Begins a call. Nothing is thrown: a failure is a reply.
   *
   * @param startedAt when its time began, by `clock.monotonic()`, if not now
   */
  start(request: CallRequest, target: CallTarget, reply: Reply, startedAt?: number): OutgoingCall {
    // One reading serves every step: a call that reads the clock five times spends a twentieth of its CPU on that.
    const now = this.context.clock.monotonic();
    const observed = callStarted('call', this.context.id, request, target);
    const parts = { reply, startedAt: startedAt ?? now, observed };
    const sent = observed ? withHeaders(request, observed) : request;
    const call = new OutgoingCall(++this.lastId, sent, target, parts);
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

  /** The caller does not want the answer any more. The instance is told, and the signal of its handler aborts. */
  cancel(call: OutgoingCall): void {
    if (call.isOver) return;
    this.cancellations.send(call);
    this.end(call);
    if (call.observed || this.context.metrics) this.ended(call, cancelledError(call));
  }

  /** The load that an instance reports with each frame. */
  onLoad(from: RemoteInstance, load: Load): void {
    this.chooser.loads.report(from.id, load);
  }

  /** Some frames with its replies were lost. */
  onRepliesLost(from: RemoteInstance): void {
    this.prober.onRepliesLost(from.id);
  }

  /** An answer of a Hydra 1.x instance, or one in its format. True when a call waits for it. */
  onMessage(message: UmfMessage): boolean {
    return this.replies.onMessage(message);
  }

  /** Fails all calls in flight, and accepts no more. Idempotent. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.waiting.stop();
    this.prober.stop();
    this.cancellations.stop();
    for (const call of [...this.calls]) {
      if (call.state === 'sent' || call.state === 'queueing') call.setUncertain();
      this.fail(call, closedError(call));
    }
    this.window.stop();
  }

  /** How the PUBLISH of a call ended. */
  onPublished(outcome: PublishOutcome, { call, attempt }: Sent): void {
    if (outcome === 'delivered' || call.state !== 'sent') return;
    // Its instance said that it never came before Redis said what became of it: it is on its way to another by now.
    if (call.attempts !== attempt) return;
    if (outcome instanceof HydraError) {
      if (!outcome.retryable) return this.fail(call, outcome);
      if (outcome.mayHaveRun && !this.mayMove(call)) return this.inDoubt(call, outcome);
      if (outcome.mayHaveRun) call.setUncertain();
      call.refusedWith(outcome);
      return this.wait(call);
    }
    const { instance, target } = call;
    // Nobody received it at the server where it was published. The instance may listen at another server, and receive
    // it there. The prober finds out.
    if (!instance || !this.context.redis.countsProve(instance.capabilities?.server)) return;
    target.view.suspect(instance.id, 'unreached');
    this.retryElsewhere(call);
  }

  /** Whether it arrived its instance alone can tell: the prober asks. One of Hydra 1.x cannot be asked. */
  private inDoubt(call: OutgoingCall, error: HydraError): void {
    if (call.instance && !readsFrames(call.instance)) this.fail(call, error);
  }

  instanceLost(call: OutgoingCall): void {
    if (call.isOver) return;
    if (call.instance) {
      call.target.view.suspect(call.instance.id, 'unreached');
      this.countFailure(call);
    }
    if (!this.mayMove(call)) return this.fail(call, lostError(call));
    call.setUncertain();
    this.retryElsewhere(call);
  }

  answerLost(call: OutgoingCall): void {
    if (call.isOver) return;
    if (!mayRepeat(call) || !this.budget.spend()) return this.fail(call, replyLostError(call));
    call.setUncertain();
    this.detach(call);
    this.renumber(call);
    this.attempt(call);
  }

  neverArrived(call: OutgoingCall): void {
    if (call.isOver || call.received > 0) return;
    call.missed();
    this.renumber(call);
    this.retryElsewhere(call);
  }

  completed(call: OutgoingCall, value: unknown): void {
    const now = this.context.clock.monotonic();
    this.end(call, now);
    this.ended(call, undefined, now);
    call.respond({ response: value, isDisposed: true });
  }

  handlerFailed(call: OutgoingCall, error: unknown): void {
    if (isMasked(error)) {
      const id = correlationId(this.context.address, call.messageId ?? call.id);
      const { request, target } = call;
      this.logger.warn(`"${request.pattern}" failed inside "${target.view.service}"; correlation id ${id}`);
      tagError(error, id);
    }
    noteRemote(error);
    this.fail(call, error, this.context.clock.monotonic());
  }

  refused(call: OutgoingCall, error: unknown): void {
    if (!(error instanceof HydraError) || !error.retryable) return this.fail(call, error);
    if (error.code === 'DRAINING' && call.instance) call.target.view.suspect(call.instance.id, 'stopping');
    call.refusedWith(error);
    if (error.code === 'OVERLOADED') this.countFailure(call);
    // The instance may have named the old number `unknown` to a probe by now. Then it refuses that number for ever.
    this.renumber(call);
    this.retryElsewhere(call);
  }

  lacksValues(call: OutgoingCall): void {
    this.prober.onValuesMissing(call);
  }

  brokenOff(call: OutgoingCall): void {
    this.cancellations.send(call);
    this.answerLost(call);
  }

  private attempt(call: OutgoingCall, now = this.context.clock.monotonic()): void {
    // The reply to another call may have ended this one while it waited in this loop.
    if (call.isOver) return;
    // A handler's own call that has no time left must not be begun.
    if (call.deadlineAt <= now) return this.expire(call);
    if (!this.context.redis.isReady) return this.wait(call);
    // Only now, because a call that expired above counts as waiting.
    this.waiting.delete(call);
    try {
      const instance = this.chooser.choose(call.request, call.target, call.tried);
      if (!instance) this.noneLeft(call, now);
      else if (readsFrames(instance)) this.sendItem(call, instance, now);
      else this.sendMessage(call, instance, now);
    } catch (error) {
      // Also what a user's balancer throws.
      this.fail(call, error);
    }
  }

  private sendItem(call: OutgoingCall, instance: Instance, now: number): void {
    const credit = this.window.open(call);
    const text = this.encode(call, credit, now);
    this.messenger.post(this.messenger.channelOf(instance), text, this, next(call));
    call.sent(instance, now, credit, undefined);
    this.noteSent(call, instance, text);
    this.chooser.sent(instance);
  }

  private encode(call: OutgoingCall, credit: ReplyCredit<OutgoingCall>, now: number): string {
    try {
      return encodeCall(call, call.remainingMs(now), credit.share, this.context.options.maxPayloadBytes);
    } catch (error) {
      this.window.close(credit, false);
      throw error;
    }
  }

  /** In the format of Hydra 1.x instances. */
  private sendMessage(call: OutgoingCall, instance: Instance, now: number): void {
    const { options, address } = this.context;
    if (options.service === ANONYMOUS) throw namelessError(call);
    const stamp = createStamp(this.context);
    const to = `${instance.id}@${instance.service}:/`;
    const message = encodeRequestMessage(to, address, call.request, stamp, options.maxPayloadBytes);
    this.replies.expect(stamp.mid, call);
    this.messenger.postMessage(this.messenger.channelOf(instance), message, this, next(call));
    call.sent(instance, now, undefined, stamp.mid);
    this.noteSent(call, instance, message);
    this.chooser.sent(instance);
  }

  private noneLeft(call: OutgoingCall, now: number): void {
    const { request, target } = call;
    const mayQueue = !call.mayHaveRun && this.fallback.takes(request, target);
    const sinceFirstLook = call.waitedMs(now);
    const waitedMs = mayQueue ? now - call.startedAt : sinceFirstLook;
    if (waitedMs < this.chooser.patienceMs(request, target, mayQueue)) {
      call.readmitAll();
      return this.wait(call);
    }
    // There is no other instance, but one is alive and the call was only lost on its way there.
    if (call.readmitMissed()) return this.wait(call);
    if (mayQueue) void this.queue(call);
    else this.fail(call, call.lastRefusal ?? noInstanceError(call));
  }

  /** No instance has it, and none is up. */
  private async queue(call: OutgoingCall): Promise<void> {
    call.queue();
    try {
      const response = await this.fallback.put(call.request, call.target);
      if (call.isOver) return;
      this.end(call);
      this.ended(call);
      call.respond({ response, isDisposed: true });
    } catch (error) {
      this.fail(call, error);
    }
  }

  /** Waits for Redis, or for instances to register again. The deadline still applies. */
  private wait(call: OutgoingCall): void {
    this.detach(call);
    call.wait();
    this.waiting.add(call);
  }

  private retryElsewhere(call: OutgoingCall): void {
    if (call.isOver || call.received > 0) return;
    call.exclude();
    this.detach(call);
    this.attempt(call);
  }

  /**
   * An instance accepts each number once. With a new number it may get the call again, and answers about the old number
   * are ignored.
   */
  private renumber(call: OutgoingCall): void {
    this.calls.delete(call);
    call.renumber(++this.lastId);
    this.calls.add(call);
  }

  /**
   * All that an instance or a connection had goes down with it at once, more than any budget has. None of that comes from a
   * service that is overloaded, so the first time is free.
   */
  private mayMove(call: OutgoingCall): boolean {
    return mayRepeat(call) && (!call.mayHaveRun || this.budget.spend());
  }

  /** `[8, running, finished, unknown, settled]` */
  private readonly onProbed: NonNullable<ItemHandlers[number]> = (from, item) => {
    const [, , finished, unknown] = item;
    this.window.settled(finished);
    this.window.settled(unknown);
    this.prober.onProbed(from.id, item);
  };

  private expire(call: OutgoingCall): void {
    const { state } = call;
    if (state === 'sent') {
      call.setUncertain();
      this.cancellations.send(call);
      // While Redis is away, no instance is to blame.
      if (this.context.redis.isReady) this.countFailure(call);
    }
    if (state === 'queueing') return this.fail(call, notQueuedError(call));
    this.fail(call, timeoutError(call, this.context.redis.isReady));
  }

  /** Not for an instance that has left: its failures would never be forgotten. */
  private countFailure({ instance, target }: OutgoingCall): void {
    if (instance && target.view.get(instance.id)) this.chooser.failed(instance);
  }

  private grant({ instance, id }: OutgoingCall, granted: number): void {
    if (instance) this.sendTo(instance, encodeItem(Kind.grant, id, granted));
  }

  private sendTo(instance: Instance, item: string): void {
    this.messenger.post(this.messenger.channelOf(instance), item);
  }

  /** @param answeredAt when the instance answered, if it did */
  private fail(call: OutgoingCall, error: unknown, answeredAt?: number): void {
    if (call.isOver) return;
    this.end(call, answeredAt);
    const err = call.mayHaveRun ? begun(error) : error;
    this.ended(call, err, answeredAt);
    call.respond({ err, isDisposed: true });
  }

  private end(call: OutgoingCall, answeredAt?: number): void {
    this.detach(call, answeredAt);
    call.end();
    this.calls.delete(call);
    this.waiting.delete(call);
    this.deadlines.remove(call);
  }

  private noteSent(call: OutgoingCall, { id }: Instance, text: string): void {
    const { metrics } = this.context;
    metrics?.encoded('call', text.length);
    if (call.attempts > 1) metrics?.clientCalls.of(call.target.view.service, call.request.pattern).retried();
    if (call.observed) callSent(call.observed, id, text);
  }

  /** Counts it, and tells observers. */
  private ended(call: OutgoingCall, error?: unknown, now = this.context.clock.monotonic()): void {
    const { observed, request, target } = call;
    const tookMs = now - call.startedAt;
    this.context.metrics?.clientCalls
      .of(target.view.service, isUnknown(error) ? OTHER : request.pattern)
      .ended(tookMs, error);
    if (observed) call.inContext(() => callEnded(observed, tookMs, error));
  }

  /** Removes the call from its instance. */
  private detach(call: OutgoingCall, answeredAt?: number): void {
    const { instance, credit, sentAt, messageId } = call;
    if (instance) {
      this.chooser.ended(instance, sentAt!, answeredAt);
      if (credit && this.window.close(credit, answeredAt !== undefined)) this.askAfter(call, instance);
      if (messageId !== undefined) this.replies.forget(messageId);
    }
    call.detach();
  }

  /** A part of the answer may still be on its way. The answer to a probe says when this is over. */
  private askAfter({ id }: OutgoingCall, instance: Instance): void {
    if (this.context.redis.isReady) this.sendTo(instance, encodeItem(Kind.probe, [id]));
  }
}

/** Nobody has such a handler: its name, which may come from anywhere, is no label. */
function isUnknown(error: unknown): boolean {
  return error instanceof HydraError && error.code === 'NO_HANDLER';
}

function mayRepeat(call: OutgoingCall): boolean {
  return call.request.isIdempotent && call.received === 0;
}
