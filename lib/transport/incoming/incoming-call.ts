import { WithDeadline } from '../../delivery/deadline-wheel.js';
import type { HandlerDiagnostic } from '../../diagnostics/events.js';
import type { BoundHandler } from '../../delivery/source.js';
import type { UmfMessage } from '../../protocol/message.js';
import type { Clock } from '../../runtime/clock.js';
import { HydraContext, type ReceivedCall } from './hydra-context.js';
import type { Replies } from './replies.js';

/** The values of an answer, while they come one by one. */
interface AnswerStream {
  /** Whether an Observable is subscribed. */
  readonly isOpen: boolean;
  /** The caller may have room again. */
  onRoom(): void;
  /** Ends the handler's Observable. */
  stop(): void;
}

/** Who made a call. */
export interface CallerRef {
  /** Address of the caller. */
  readonly from: string;
  /** Address that the caller wrote to. */
  readonly to: string;
  /** The channel on which the caller receives the answer, where that is known. */
  readonly replyChannel: string | undefined;
  /** The call is taken. */
  began(call: IncomingCall): void;
  /** The call is over. */
  ended(call: IncomingCall): void;
  /** The call was not executed. */
  refused(call: IncomingCall): void;
}

/** The caller of an event, or of a message of a Hydra 1.x process: its calls are not recorded. */
export function untracked(from: string, to: string): CallerRef {
  return { from, to, replyChannel: undefined, began: nothing, ended: nothing, refused: nothing };
}

function nothing(): void {}

/**
 * ```
 * queued → decoding → running → answering → finishing → over
 *                     running → abandoned → over          its caller is gone, and the handler has not returned
 * any                                     → over
 * ```
 *
 * - `queued`: it waits for a place among those that run
 * - `decoding`: it has its place, and the user's deserializer is at work on its data
 * - `running`: the handler was called
 * - `answering`: the handler has returned; its answer is on its way, or its stream continues
 * - `finishing`: the end of the answer waits until the caller has room for it
 * - `abandoned`: over for its caller; the handler still runs, and keeps its place
 */
export type IncomingCallState =
  'queued' | 'decoding' | 'running' | 'answering' | 'finishing' | 'abandoned' | 'over';

interface IncomingCallParts {
  readonly id: number | string;
  readonly handler: BoundHandler;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly caller: CallerRef;
  /** When its caller stops waiting, by `clock.monotonic()`. */
  readonly deadlineAt: number;
  readonly replies: Replies;
  /** As it came, if it came as UMF. */
  readonly message: UmfMessage | undefined;
}

/** One call or event that this process handles. */
export class IncomingCall extends WithDeadline implements ReceivedCall {
  readonly deadlineAt: number;
  readonly context: HydraContext;
  private current: IncomingCallState = 'queued';
  private began = 0;
  private openStream: AnswerStream | undefined;
  private diagnostic: HandlerDiagnostic | undefined;

  constructor(
    private readonly parts: IncomingCallParts,
    readonly clock: Clock,
  ) {
    super();
    this.deadlineAt = parts.deadlineAt;
    this.context = new HydraContext([this]);
  }

  get state(): IncomingCallState {
    return this.current;
  }

  /** The end of its answer was sent. */
  get isSettled(): boolean {
    return this.current === 'finishing' || this.isOver;
  }

  /** The caller does not wait any more. */
  get isOver(): boolean {
    return this.current === 'over' || this.current === 'abandoned';
  }

  /** No handler was called. */
  get isUnbegun(): boolean {
    return this.current === 'queued' || this.current === 'decoding';
  }

  /** When it got its place, by `clock.monotonic()`; 0 before. */
  get startedAt(): number {
    return this.began;
  }

  /** Whether a stream of values is open. */
  get isStreaming(): boolean {
    return this.openStream?.isOpen ?? false;
  }

  /** It got its place among the calls that run. */
  start(now: number, needsDecoding: boolean): void {
    this.began = now;
    this.current = needsDecoding ? 'decoding' : 'running';
  }

  /** The event for observers, if there are any. */
  get observed(): HandlerDiagnostic | undefined {
    return this.diagnostic;
  }

  observe(diagnostic: HandlerDiagnostic | undefined): void {
    this.diagnostic = diagnostic;
  }

  /** Its data was decoded, and its handler is called. */
  run(): void {
    this.current = 'running';
  }

  /**
   * The handler gave its result, or will not be called. True when the call is over with that, because its caller has
   * left meanwhile.
   */
  handlerReturned(): boolean {
    const isAbandoned = this.current === 'abandoned';
    this.current = isAbandoned ? 'over' : 'answering';
    return isAbandoned;
  }

  /** The end of its answer waits for room. */
  finish(): void {
    this.current = 'finishing';
  }

  /** It is over for its caller. True when its place is free as well. */
  end(): boolean {
    const isFree = this.current !== 'running' && this.current !== 'decoding';
    this.current = isFree ? 'over' : 'abandoned';
    return isFree;
  }

  /** The values of its answer come from this stream. */
  stream<Stream extends AnswerStream>(stream: Stream): Stream {
    this.openStream = stream;
    return stream;
  }

  /** The caller may have room again. */
  onRoom(): void {
    this.openStream?.onRoom();
  }

  /** Ends the handler's stream. */
  stopStream(): void {
    this.openStream?.stop();
  }

  get id(): number | string {
    return this.parts.id;
  }

  get handler(): BoundHandler {
    return this.parts.handler;
  }

  get data(): unknown {
    return this.parts.data;
  }

  get metadata(): Readonly<Record<string, string>> | undefined {
    return this.parts.metadata;
  }

  get caller(): CallerRef {
    return this.parts.caller;
  }

  get replies(): Replies {
    return this.parts.replies;
  }

  get message(): UmfMessage | undefined {
    return this.parts.message;
  }

  get pattern(): string {
    return this.parts.handler.pattern;
  }

  /** It has a handler: others are refused before there is a call. */
  get isKnown(): boolean {
    return true;
  }

  get from(): string {
    return this.parts.caller.from;
  }

  get to(): string {
    return this.parts.caller.to;
  }

  get receivedOn(): string {
    return new Date(this.clock.now()).toISOString();
  }
}
