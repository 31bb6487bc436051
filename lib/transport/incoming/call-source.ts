import { Logger } from '@nestjs/common';
import { isObservable } from 'rxjs';

import { handlerDeadline } from '../../delivery/deadline-context.js';
import { DeadlineWheel } from '../../delivery/deadline-wheel.js';
import { handlerEnd } from '../../diagnostics/channels.js';
import { publishEnd } from '../../diagnostics/ending.js';
import { Limiter } from '../../delivery/limiter.js';
import type { Dispatch, Source } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import type { UmfMessage } from '../../protocol/message.js';
import { encodeItem, Kind, type Load } from '../../protocol/rpc.js';
import type { Context } from '../../redis/context.js';
import { resolvesWithin } from '../../runtime/waiting.js';
import { begun } from '../wire/begun-error.js';
import { codecOf, decodePacket, type Codec } from '../wire/codec.js';
import { correlationId, isMasked } from '../wire/masked-error.js';
import type { ItemHandlers, Messenger } from '../wire/messenger.js';
import type { RemoteInstance } from '../wire/remote-instances.js';
import { CallReader, isCallId, Refusal, type Read } from './call-reader.js';
import { CallerLivenessCheck } from './caller-liveness-check.js';
import type { IncomingCall } from './incoming-call.js';
import { RemoteCallers } from './remote-callers.js';
import { isAsyncIterable, ReplyStream, type StreamListener } from './reply-stream.js';
import { callRefused, countHandled, handlerStarted } from './observed-handler.js';
import { toWireError } from './to-wire-error.js';

/** Moving average over about this many calls. */
const LATENCY_WINDOW = 20;

type SourceContext = Pick<
  Context,
  'id' | 'address' | 'redis' | 'keys' | 'options' | 'clock' | 'random' | 'log' | 'metrics'
>;

/** Receives calls and events from the channels, runs their Nest handlers, and sends the answers. */
export class CallSource implements Source, StreamListener {
  /** For each kind of item that callers send: the method that handles it. */
  readonly handlers: ItemHandlers = {
    [Kind.call]: (from, item) => this.admit(this.reader.readCall(from, item)),
    [Kind.event]: (from, item) => this.admit(this.reader.readEvent(from, item)),
    [Kind.cancel]: (from, item) => this.cancelByCaller(from, item[1]),
    [Kind.probe]: (from, item) => this.answerProbe(from, item[1]),
    [Kind.grant]: (from, item) => this.grant(from, item[1], item[2]),
  };
  /** All calls that are in progress or wait for their place. */
  private readonly calls: DeadlineWheel<IncomingCall>;
  private readonly callers: RemoteCallers;
  private readonly reader: CallReader;
  private readonly limiter: Limiter<IncomingCall>;
  private readonly livenessCheck: CallerLivenessCheck;
  private readonly codec: Codec | undefined;
  private readonly logger = new Logger('Hydra');
  private whenIdle: (() => void) | undefined;
  private latencyMs = 0;

  constructor(
    private readonly context: SourceContext,
    private readonly messenger: Messenger,
    private readonly dispatch: Dispatch,
  ) {
    const { options, address, clock } = context;
    const { maxConcurrency, maxWaiting } = options.calls;
    this.codec = codecOf(options);
    this.callers = new RemoteCallers(address);
    this.reader = new CallReader(context, messenger, { callers: this.callers, codec: this.codec });
    this.calls = new DeadlineWheel<IncomingCall>(clock, (call) => this.expire(call));
    this.livenessCheck = new CallerLivenessCheck(context, this.calls, (call) => this.callerLost(call));
    this.limiter = new Limiter(maxConcurrency, maxWaiting, (call) => void this.run(call));
  }

  /** The load that every frame tells callers: calls in progress, and how long a call takes. */
  get load(): Load {
    return [this.calls.size, Math.round(this.latencyMs * 10) / 10];
  }

  /** Calls and events that run, and those that wait for a place. */
  get counts(): { readonly running: number; readonly waiting: number } {
    const { waitingCount } = this.limiter;
    return { running: this.calls.size - waitingCount, waiting: waitingCount };
  }

  async start(): Promise<void> {
    this.reader.accept(this.dispatch.handlers('call'));
    this.livenessCheck.start();
  }

  async drain(deadlineAt: number): Promise<void> {
    this.reader.refuse();
    if (this.calls.size > 0) await this.idle(deadlineAt);
    this.reader.close();
    this.livenessCheck.stop();
    for (const call of [...this.calls]) this.cancelAtDrain(call);
  }

  /** Some of its frames were lost, perhaps with grants that answers wait for. */
  onRequestsLost(from: RemoteInstance): void {
    for (const call of this.callers.find(from)?.running ?? []) call.replies.remind?.();
  }

  /** A message of a Hydra 1.x process, or one in its format. */
  onMessage(message: UmfMessage): void {
    this.admit(this.reader.readMessage(message));
  }

  streamCompleted(call: IncomingCall, hasLast: boolean, last?: unknown): void {
    this.complete(call, hasLast, last);
  }

  streamFailed(call: IncomingCall, error: unknown): void {
    this.fail(call, error);
  }

  generatorFailed(call: IncomingCall, error: unknown): void {
    call.context.release();
    if (!call.isSettled) this.fail(call, toWireError(error));
  }

  valueFailed(call: IncomingCall, error: unknown): void {
    this.reportUnsent(call, error);
    this.fail(call, error);
  }

  private admit(read: Read): void {
    if (!read) return;
    if (read instanceof Refusal) return this.refuse(read);
    read.caller.began(read);
    this.calls.add(read);
    if (!this.limiter.enter(read)) this.overload(read);
  }

  private refuse({ replies, error, call }: Refusal): void {
    callRefused(this.context, call, error);
    replies.refuse(error);
  }

  private overload(call: IncomingCall): void {
    this.forget(call);
    call.end();
    call.caller.refused(call);
    const { maxConcurrency, maxWaiting } = this.context.options.calls;
    const limits = `calls.maxConcurrency=${maxConcurrency} and calls.maxWaiting=${maxWaiting}`;
    const what = `"${call.pattern}" at ${this.context.address}: ${limits} are full`;
    // The sender of an event is not told.
    if (call.handler.isEvent) this.context.log.warn('events', `dropped an event, ${what}`);
    this.refuse(new Refusal(call.replies, new HydraError('OVERLOADED', what), call));
  }

  private async run(call: IncomingCall): Promise<void> {
    const { clock } = this.context;
    let { data } = call;
    call.start(clock.monotonic(), this.codec !== undefined);
    if (this.codec) {
      try {
        data = await this.decoded(this.codec, call);
      } catch (error) {
        return this.refuseUnread(call, error);
      }
      // Nobody waits for it any more.
      if (call.isOver) return this.handlerReturned(call);
      call.run();
    }
    try {
      call.context.bindTo(handlerDeadline(clock, call.deadlineAt));
      call.observe(handlerStarted(this.context, call));
      const result = await this.dispatch.run(call.handler, data, call.context);
      this.handlerReturned(call);
      this.answer(call, result);
    } catch (error) {
      this.handlerReturned(call);
      this.fail(call, error);
    }
  }

  /** Its data cannot be decoded: the handler does not begin. */
  private refuseUnread(call: IncomingCall, failure: unknown): void {
    this.handlerReturned(call);
    if (call.isSettled) return;
    const error =
      failure instanceof Error && !(failure instanceof HydraError) ? unreadError(call, failure) : failure;
    // The sender of an event is not told.
    const line = `the deserializer failed on the data of "${call.pattern}": ${String(failure)}`;
    this.context.log.warn('deserializer', line);
    callRefused(this.context, call, error instanceof HydraError ? error : unreadError(call, failure));
    call.replies.refuse(error);
    this.end(call);
  }

  private decoded(codec: Codec, call: IncomingCall): Promise<unknown> {
    return call.context.enter(() => decodePacket(codec, call));
  }

  private handlerReturned(call: IncomingCall): void {
    if (!call.handlerReturned()) return;
    call.context.release();
    this.limiter.leave();
  }

  private answer(call: IncomingCall, result: unknown): void {
    if (call.isOver) discard(result);
    else if (isObservable(result)) call.context.enter(() => this.streamOf(call).subscribe(result));
    else if (isAsyncIterable(result)) call.context.enter(() => this.streamOf(call).pull(result));
    else this.complete(call, result !== undefined, result);
  }

  private streamOf(call: IncomingCall): ReplyStream {
    return call.stream(new ReplyStream(call, this));
  }

  private complete(call: IncomingCall, hasValue: boolean, value?: unknown): void {
    call.context.release();
    if (call.isSettled) return;
    let leaving: void | Promise<void>;
    let failure: unknown;
    try {
      leaving = call.replies.complete(hasValue, value);
    } catch (error) {
      this.reportUnsent(call, error);
      failure = error;
      leaving = this.sendError(call, error);
    }
    this.endAfter(call, leaving, failure);
  }

  private fail(call: IncomingCall, error: unknown): void {
    call.context.release();
    if (call.isSettled) return;
    if (isMasked(error)) {
      this.logger.error(`"${call.pattern}" failed; correlation id ${correlationId(call.from, call.id)}`);
    }
    this.endAfter(call, this.sendError(call, error), error);
  }

  private endAfter(call: IncomingCall, leaving: void | Promise<void>, error?: unknown): void {
    if (!leaving) return this.end(call, error);
    call.finish();
    void this.endWhenSent(call, leaving, error);
  }

  /** The call is in progress until the end of its answer has left. */
  private async endWhenSent(call: IncomingCall, leaving: Promise<void>, failure: unknown): Promise<void> {
    let reported = failure;
    try {
      await leaving;
    } catch (error) {
      reported = error;
      this.reportUnsent(call, error);
      await this.sendError(call, error);
    }
    if (!call.isOver) this.end(call, reported);
  }

  /** The handler's result cannot be sent. This is a fault of this service, and its caller cannot do anything about it. */
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

  /** The end of a call whose handler began, and failed. */
  private sendError(call: IncomingCall, error: unknown): void | Promise<void> {
    try {
      return call.replies.error(begun(error));
    } catch (failure) {
      this.logger.error(`the error of "${call.pattern}" could not be sent: ${String(failure)}`);
    }
  }

  private end(call: IncomingCall, error?: unknown): void {
    this.settle(call, call.end(), error);
  }

  private settle(call: IncomingCall, isFree: boolean, error: unknown): void {
    const tookMs = this.context.clock.monotonic() - call.startedAt;
    this.latencyMs += (tookMs - this.latencyMs) / LATENCY_WINDOW;
    this.forget(call);
    this.dispatch.settled(call.context);
    const { metrics } = this.context;
    if (metrics) countHandled(metrics, call, tookMs, error);
    if (call.observed) publishEnd(handlerEnd, call.observed, tookMs, error);
    if (isFree) this.limiter.leave();
  }

  private forget(call: IncomingCall): void {
    this.calls.remove(call);
    call.caller.ended(call);
    if (this.calls.size === 0) this.whenIdle?.();
  }

  /** The answer is not wanted any more: the handler's signal aborts, and its Observable is unsubscribed. */
  private stop(call: IncomingCall, reason: HydraError): void {
    if (call.isOver) return;
    if (this.limiter.withdraw(call)) {
      callRefused(this.context, call, reason);
      call.end();
      return this.forget(call);
    }
    // It is over first: a handler that its signal ends at once would end the call a second time.
    const isFree = call.end();
    call.context.abort(reason);
    // A completed Observable may have given a generator, which runs until its next value.
    const { isStreaming } = call;
    call.stopStream();
    if (isStreaming) call.context.release();
    this.settle(call, isFree, reason);
  }

  private expire(call: IncomingCall): void {
    this.unwanted(call, new HydraError('TIMEOUT', `the caller of "${call.pattern}" does not wait any more`));
  }

  private callerLost(call: IncomingCall): void {
    this.unwanted(call, new HydraError('CANCELLED', `the caller of "${call.pattern}" is gone: ${call.from}`));
  }

  private cancelByCaller(from: RemoteInstance, id: unknown): void {
    const call = this.callers.find(from)?.running.get(id);
    if (!call) return from.unheard.get(id as number)?.abandon();
    this.unwanted(
      call,
      new HydraError('CANCELLED', `the caller of "${call.pattern}" does not want the answer`),
    );
  }

  private unwanted(call: IncomingCall, reason: HydraError): void {
    call.replies.abandon?.();
    this.stop(call, reason);
  }

  private cancelAtDrain(call: IncomingCall): void {
    const { address, options } = this.context;
    const what = `"${call.pattern}" was aborted: ${address} shut down`;
    const limit = `drain.timeoutMs=${options.drain.timeoutMs}`;
    const code = call.isUnbegun ? 'DRAINING' : 'INSTANCE_LOST';
    const error = new HydraError(code, `${what} after ${limit}`);
    if (call.isUnbegun) call.replies.refuse(error);
    else call.replies.breakOff(begun(error));
    this.stop(call, error);
  }

  private async idle(deadlineAt: number): Promise<void> {
    const { clock } = this.context;
    const idle = new Promise<void>((resolve) => (this.whenIdle = resolve));
    await resolvesWithin(clock, idle, Math.max(0, deadlineAt - clock.monotonic()));
  }

  private answerProbe(from: RemoteInstance, ids: unknown): void {
    if (!Array.isArray(ids)) return;
    const running: number[] = [];
    const finished: number[] = [];
    const unknown: number[] = [];
    const settled: [id: number, values: number][] = [];
    const calls = this.callers.find(from)?.running;
    for (const id of ids.filter(isCallId)) {
      const call = calls?.get(id);
      // Its request for a grant may have been lost.
      call?.replies.remind?.();
      const answer = call?.replies ?? from.unheard.get(id);
      if (answer) running.push(id);
      else if (this.callers.deny(from, id)) unknown.push(id);
      else finished.push(id);
      if (answer?.settledValues) settled.push([id, answer.settledValues]);
    }
    const facts = [running, finished, unknown, ...(settled.length > 0 ? [settled] : [])];
    this.messenger.post(from.replyChannel, encodeItem(Kind.probed, ...facts));
  }

  private grant(from: RemoteInstance, id: unknown, total: unknown): void {
    const call = this.callers.find(from)?.running.get(id);
    if (!call || typeof total !== 'number' || !(total > 0)) return;
    call.replies.grant(total);
    call.onRoom();
  }
}

/** A user's deserializer threw. */
function unreadError({ pattern }: IncomingCall, cause: unknown): HydraError {
  return new HydraError(
    'BAD_PAYLOAD',
    `the deserializer failed on the data of "${pattern}": ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      cause,
    },
  );
}

/** An Observable without a subscriber has not begun, and must not begin. A generator is told to end. */
function discard(result: unknown): void {
  if (!isAsyncIterable(result)) return;
  result[Symbol.asyncIterator]()
    .return?.()
    .catch(() => undefined);
}
