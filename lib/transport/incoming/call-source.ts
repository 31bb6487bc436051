import { Logger } from '@nestjs/common';
import { isObservable, type Observable } from 'rxjs';

import { ambientDeadline } from '../../delivery/deadline-context.js';
import { Deadlines } from '../../delivery/deadline-wheel.js';
import { handlerStream } from '../../delivery/handler-observable.js';
import { Limiter } from '../../delivery/limiter.js';
import { RareLog } from '../../delivery/rare.log.js';
import type { Dispatch, Source } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import type { ResolvedOptions } from '../../hydra-options.js';
import type { Keys } from '../../protocol/keys.js';
import type { UmfMessage } from '../../protocol/message.js';
import { encodeItem, Kind, type Item, type Load } from '../../protocol/rpc.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { begun } from '../wire/begun-error.js';
import { CallReader, isCallId } from './call-reader.js';
import { CallerWatch } from './caller-liveness-check.js';
import type { Channel } from '../wire/messenger.js';
import { codecOf, decodePacket, type Codec } from '../wire/codec.js';
import { filtered } from './to-wire-error.js';
import { correlationId, isHidden } from '../wire/masked-error.js';
import type { IncomingCall } from './incoming-call.js';
import { KnownCallers } from './remote-callers.js';
import type { Peer } from '../wire/remote-instances.js';
import { StreamPump } from './reply-stream.js';

/** Moving average over about this many calls. */
const LATENCY_WINDOW = 20;

/** Calls and events: from the channels to Nest's handlers, and their answers back. */
export class CallSource implements Source {
  /** All calls in hand. */
  private readonly running = new Deadlines<IncomingCall>((call) => this.expire(call));
  private readonly callers: KnownCallers;
  private readonly reader: CallReader;
  private readonly limiter: Limiter<IncomingCall>;
  private readonly callerWatch: CallerWatch;
  private readonly codec: Codec | undefined;
  private readonly logger = new Logger('Hydra');
  private readonly rareLog = new RareLog();
  private whenIdle: (() => void) | undefined;
  private latencyMs = 0;

  constructor(
    private readonly dispatch: Dispatch,
    private readonly channel: Channel,
    redis: RedisConnections,
    keys: Keys,
    private readonly options: ResolvedOptions,
  ) {
    const { maxConcurrency, maxWaiting } = options.calls;
    this.codec = codecOf(options);
    this.callers = new KnownCallers(channel.address);
    this.reader = new CallReader(channel, keys, this.callers, this.codec, options);
    this.callerWatch = new CallerWatch(redis, this.running, (call) => this.abandon(call));
    this.limiter = new Limiter(maxConcurrency, maxWaiting, (call) => void this.run(call));
  }

  /** What replies tell callers: calls in hand, and how long one takes. */
  get load(): Load {
    return [this.running.size, Math.round(this.latencyMs * 10) / 10];
  }

  async start(): Promise<void> {
    this.reader.accept(this.dispatch.handlers('call'));
    this.callerWatch.start();
  }

  async drain(deadlineAt: number): Promise<void> {
    this.reader.refuse();
    if (this.running.size > 0) await this.idle(deadlineAt);
    this.reader.close();
    this.callerWatch.stop();
    for (const call of [...this.running]) this.cutOff(call);
  }

  /** What one of our own instances sent. */
  items(peer: Peer, items: readonly Item[]): void {
    for (const item of items) {
      switch (item[0]) {
        case Kind.call:
          this.admit(this.reader.call(peer, item));
          break;
        case Kind.event:
          this.admit(this.reader.event(peer, item));
          break;
        case Kind.cancel:
          this.cancel(peer, item[1]);
          break;
        case Kind.probe:
          this.answerProbe(peer, item[1]);
          break;
        case Kind.grant:
          this.grant(peer, item[1], item[2]);
          break;
      }
    }
  }

  /** Some of what it sent was lost: perhaps the room that answers wait for. */
  requestsLost(peer: Peer): void {
    for (const call of this.callers.find(peer)?.running ?? []) call.replies.remind?.();
  }

  /** What a Hydra 1.x process sent, or one of ours in its way. */
  message(message: UmfMessage): void {
    this.admit(this.reader.message(message));
  }

  private admit(call: IncomingCall | undefined): void {
    if (!call) return;
    this.running.add(call);
    if (this.limiter.enter(call)) return;
    this.forget(call);
    call.origin.refused(call);
    const { maxConcurrency, maxWaiting } = this.options.calls;
    const limits = `calls.maxConcurrency=${maxConcurrency} and calls.maxWaiting=${maxWaiting}`;
    const what = `"${call.pattern}" at ${this.channel.address}: ${limits} are full`;
    // Whoever emitted it does not hear of this.
    if (call.bound.isEvent) this.rareLog.warn('events', `dropped an event, ${what}`);
    call.replies.refuse(new HydraError('OVERLOADED', what));
  }

  private async run(call: IncomingCall): Promise<void> {
    call.startedAt = performance.now();
    let { data } = call;
    if (this.codec) {
      try {
        data = await this.decoded(this.codec, call);
      } catch (error) {
        return this.refuse(call, error);
      }
    }
    try {
      call.hasBegun = true;
      call.context.ambient = ambientDeadline(call.deadlineAt);
      const result = await this.dispatch.run(call.bound, data, call.context);
      this.returned(call);
      this.answer(call, result);
    } catch (error) {
      this.returned(call);
      this.fail(call, error);
    }
  }

  /** What its data are nobody can tell: the handler does not begin. */
  private refuse(call: IncomingCall, failure: unknown): void {
    this.returned(call);
    if (call.isSettled) return;
    const error =
      failure instanceof Error && !(failure instanceof HydraError) ? unreadError(call, failure) : failure;
    // Whoever emitted an event hears nothing of it.
    this.rareLog.warn('unread', `the deserializer made nothing of "${call.pattern}": ${String(failure)}`);
    call.replies.refuse(error);
    this.end(call);
  }

  private decoded(codec: Codec, call: IncomingCall): Promise<unknown> {
    return call.context.enter(() => decodePacket(codec, call));
  }

  /** The handler gave its result. One that was stopped before kept its place until now. */
  private returned(call: IncomingCall): void {
    call.hasReturned = true;
    if (!call.isOver) return;
    call.context.release();
    this.limiter.leave();
  }

  private answer(call: IncomingCall, result: unknown): void {
    if (call.isOver) discard(result);
    else if (isObservable(result)) call.context.enter(() => this.subscribe(call, result));
    else if (isAsyncIterable(result)) call.context.enter(() => this.pull(call, result));
    else this.complete(call, result !== undefined, result);
  }

  private subscribe(call: IncomingCall, values: Observable<unknown>): void {
    // One value of lookahead: most streams have one value, and its reply is complete in itself.
    const pump = this.pumpOf(call);
    let iterable: AsyncIterable<unknown> | undefined;
    call.subscription = handlerStream(values).subscribe({
      next: (value) => {
        // With an interceptor, a generator is the value of an Observable.
        if (isAsyncIterable(value)) iterable = value;
        else if (value !== undefined) pump.push(value);
      },
      error: (error: unknown) => pump.endWithError(() => this.fail(call, error)),
      complete: () => {
        if (iterable) this.pull(call, iterable, pump);
        else pump.end((hasLast, last) => this.complete(call, hasLast, last));
      },
    });
    if (call.isSettled) call.unsubscribe();
  }

  private pull(call: IncomingCall, values: AsyncIterable<unknown>, pump = this.pumpOf(call)): void {
    pump.pullFrom(values).then(
      () => this.complete(call, false),
      (error: unknown) => {
        call.context.release();
        if (!call.isSettled) this.fail(call, filtered(error));
      },
    );
  }

  private pumpOf(call: IncomingCall): StreamPump {
    return new StreamPump(call, (error) => {
      this.reportUnsent(call, error);
      this.fail(call, error);
    });
  }

  private complete(call: IncomingCall, hasValue: boolean, value?: unknown): void {
    call.context.release();
    if (call.isSettled) return;
    let leaving: void | Promise<void>;
    try {
      leaving = call.replies.complete(hasValue, value);
    } catch (error) {
      this.reportUnsent(call, error);
      leaving = this.tell(call, error);
    }
    if (leaving) void this.endAfter(call, leaving);
    else this.end(call);
  }

  private fail(call: IncomingCall, error: unknown): void {
    call.context.release();
    if (call.isSettled) return;
    if (isHidden(error)) {
      this.logger.error(`"${call.pattern}" failed; correlation id ${correlationId(call.from, call.id)}`);
    }
    const leaving = this.tell(call, error);
    if (leaving) void this.endAfter(call, leaving);
    else this.end(call);
  }

  /** The call is in hand until its last word has left. */
  private async endAfter(call: IncomingCall, leaving: Promise<void>): Promise<void> {
    call.isFinishing = true;
    try {
      await leaving;
    } catch (error) {
      this.reportUnsent(call, error);
      await this.tell(call, error);
    }
    if (!call.isOver) this.end(call);
  }

  /** What the handler gave cannot travel. That is a fault of this service, which its caller can do nothing about. */
  private reportUnsent(call: IncomingCall, error: unknown): void {
    if (call.isOver) return;
    const id = correlationId(call.from, call.id);
    const [reason, stack] =
      error instanceof Error ? [error.message, error.stack] : [String(error), undefined];
    this.logger.error(
      `the answer of "${call.pattern}" cannot be sent: ${reason}; correlation id ${id}`,
      stack,
    );
  }

  /** The last word on a call that failed: an error, or a refusal where its handler was not begun. */
  private tell(call: IncomingCall, error: unknown): void | Promise<void> {
    try {
      if (call.hasBegun) return call.replies.error(begun(error));
      call.replies.refuse(error);
    } catch (failure) {
      this.logger.error(`the error of "${call.pattern}" could not be sent: ${String(failure)}`);
    }
  }

  private end(call: IncomingCall): void {
    this.latencyMs += (performance.now() - call.startedAt - this.latencyMs) / LATENCY_WINDOW;
    this.forget(call);
    this.dispatch.settled(call.context);
    if (call.hasReturned) this.limiter.leave();
  }

  private forget(call: IncomingCall): void {
    call.isOver = true;
    this.running.remove(call);
    call.origin.ended(call);
    if (this.running.size === 0) this.whenIdle?.();
  }

  /** Nobody wants the answer: the handler's signal aborts and its stream is unsubscribed. */
  private stop(call: IncomingCall, reason: HydraError): void {
    if (call.isOver) return;
    if (this.limiter.withdraw(call)) return this.forget(call);
    call.context.abort(reason);
    // A completed one gave a generator, which goes on to its next value.
    const isStreaming = call.subscription?.closed === false;
    call.unsubscribe();
    if (isStreaming) call.context.release();
    this.end(call);
  }

  private expire(call: IncomingCall): void {
    this.stop(call, new HydraError('TIMEOUT', `the caller of "${call.pattern}" does not wait any more`));
  }

  private abandon(call: IncomingCall): void {
    this.stop(call, new HydraError('CANCELLED', `the caller of "${call.pattern}" is gone: ${call.from}`));
  }

  private cancel(peer: Peer, id: unknown): void {
    const call = this.callers.find(peer)?.running.get(id);
    if (!call) return;
    this.stop(call, new HydraError('CANCELLED', `the caller of "${call.pattern}" does not want the answer`));
  }

  private cutOff(call: IncomingCall): void {
    const what = `"${call.pattern}" was cut off: ${this.channel.address} stopped`;
    const limit = `drain.timeoutMs=${this.options.drain.timeoutMs}`;
    const error = new HydraError(call.hasBegun ? 'INSTANCE_LOST' : 'DRAINING', `${what} after ${limit}`);
    if (call.hasBegun) call.replies.breakOff(begun(error));
    else call.replies.refuse(error);
    this.stop(call, error);
  }

  private async idle(deadlineAt: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.whenIdle = resolve;
      setTimeout(resolve, Math.max(0, deadlineAt - performance.now())).unref();
    });
  }

  private answerProbe(peer: Peer, ids: unknown): void {
    if (!Array.isArray(ids)) return;
    const inHand: number[] = [];
    const finished: number[] = [];
    const unknown: number[] = [];
    const running = this.callers.find(peer)?.running;
    for (const id of ids.filter(isCallId)) {
      const call = running?.get(id);
      // Its question for room may be what got lost.
      call?.replies.remind?.();
      if (call || peer.unheard.has(id)) inHand.push(id);
      else if (this.callers.deny(peer, id)) unknown.push(id);
      else finished.push(id);
    }
    this.channel.post(peer.replyChannel, encodeItem(Kind.probed, inHand, finished, unknown));
  }

  private grant(peer: Peer, id: unknown, total: unknown): void {
    const call = this.callers.find(peer)?.running.get(id);
    if (!call || typeof total !== 'number' || !(total > 0)) return;
    call.replies.grant(total);
    call.onCredit?.();
  }
}

/** A user's deserializer threw. */
function unreadError({ pattern }: IncomingCall, cause: Error): HydraError {
  return new HydraError('BAD_PAYLOAD', `the deserializer made nothing of "${pattern}": ${cause.message}`, {
    cause,
  });
}

/** An Observable that was not subscribed has not begun, and must not; a generator is told that it is not wanted. */
function discard(result: unknown): void {
  if (!isAsyncIterable(result)) return;
  result[Symbol.asyncIterator]()
    .return?.()
    .catch(() => undefined);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
