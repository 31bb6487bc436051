import type { WritePacket } from '@nestjs/microservices';

import { WithDeadline } from '../../delivery/deadline-wheel.js';
import type { CallDiagnostic } from '../../diagnostics/events.js';
import type { HydraError } from '../../hydra-error.js';
import type { Balancer, Instance } from '../../hydra-options.js';
import type { Selection } from '../../registry/discovery/selection.js';
import type { ServiceView } from '../../registry/discovery/service-view.js';
import { presentContext } from '../../runtime/async-context.js';
import type { Item } from '../../protocol/rpc.js';
import type { ReplyCredit } from './reply-window.js';

/** Where the calls of one client go. Not part of each request: spreading it in cost more than the rest of the client. */
export interface CallTarget {
  readonly view: ServiceView;
  readonly balancer: Balancer;
  /** A user's balancer may refuse the only instance; those of this library take it. */
  readonly asksAlways: boolean;
  /** Only these instances will do; undefined: all. */
  readonly selection: Selection | undefined;
  /** Only this instance will do. */
  readonly instanceId: string | undefined;
}

/** What to call, and how long and how hard to try. */
export interface CallRequest {
  /** Nest's normalised pattern. */
  readonly pattern: string;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs: number;
  /** May be executed twice: tried again where the outcome is unknown. */
  readonly isIdempotent: boolean;
  /** Calls with the same key go to the same instance, while it is there. */
  readonly key: string | undefined;
  /** The fallback when no instance is up. */
  readonly fallback: Fallback | undefined;
}

/** Where a call may go when no instance is up. */
export type Fallback = 'queue';

/**
 * Nest's callback: any number of responses, then one that is disposed, with the last response, an error, or neither. A promise
 * where a response takes its time to reach the subscriber.
 */
export type Reply = (packet: WritePacket) => unknown;

/**
 * ```
 * choosing ⇄ sent       one instance has it; it leaves that one when it was not received, refused or lost there
 * choosing ⇄ waiting    Redis is away, or no instance will do: tried again every 20 ms
 * choosing → queueing   no instance is up, and it becomes a job
 * any      → over       answered, failed, cancelled, or its deadline has passed
 * ```
 */
export type OutgoingCallState = 'choosing' | 'sent' | 'waiting' | 'queueing' | 'over';

/** What exists while one instance has the call. */
interface Attempt {
  readonly instance: Instance;
  readonly sentAt: number;
  /** The credit of its answer; undefined at a Hydra 1.x instance, which has no flow control. */
  readonly credit: ReplyCredit<OutgoingCall> | undefined;
  /** A Hydra 1.x instance answers by this id. */
  readonly messageId: string | undefined;
  /** Probes that found the call finished at its instance, while the answer was not here. */
  missedAnswers: number;
  missedAnswerAt: number;
  /** Probes that did not find the call at its instance. */
  missedArrivals: number;
  /** Parts of the answer that came before others that belong in front of them, by the number of values before each. */
  early: Map<number, Item> | undefined;
}

interface OutgoingCallParts {
  readonly reply: Reply;
  readonly startedAt: number;
  readonly observed: CallDiagnostic | undefined;
}

/** One call from its start to its end, over as many instances as it takes. */
export class OutgoingCall extends WithDeadline {
  readonly deadlineAt: number;
  /** When its time began, by `clock.monotonic()`. */
  readonly startedAt: number;
  /** The event for observers, if there are any. */
  readonly observed: CallDiagnostic | undefined;
  private readonly reply: Reply;
  private current: OutgoingCallState = 'choosing';
  private attempt: Attempt | undefined;
  private attemptCount = 0;
  private excluded: Set<string> | undefined;
  /** An excluded instance that is alive: the call was only lost on its way there. */
  private missedBy: string | undefined;
  private valueCount = 0;
  /** Since when no instance could get the call. */
  private waitingSince: number | undefined;
  private refusal: HydraError | undefined;
  private isUncertain = false;
  private readonly context = presentContext();

  constructor(
    private callId: number,
    readonly request: CallRequest,
    readonly target: CallTarget,
    { reply, startedAt, observed }: OutgoingCallParts,
  ) {
    super();
    this.reply = reply;
    this.startedAt = startedAt;
    this.observed = observed;
    this.deadlineAt = startedAt + request.timeoutMs;
  }

  /** How many whole milliseconds are left of its time: no more than it had, though a sum of fractions may say so. */
  remainingMs(now: number): number {
    return Math.min(this.request.timeoutMs, Math.ceil(this.deadlineAt - now));
  }

  /** The number that instances know it by; another one after an answer or the call itself was lost. */
  get id(): number {
    return this.callId;
  }

  get state(): OutgoingCallState {
    return this.current;
  }

  get isOver(): boolean {
    return this.current === 'over';
  }

  /** The instance that has it, if one does. */
  get instance(): Instance | undefined {
    return this.attempt?.instance;
  }

  /** When the present attempt left, by `clock.monotonic()`. */
  get sentAt(): number | undefined {
    return this.attempt?.sentAt;
  }

  get credit(): ReplyCredit<OutgoingCall> | undefined {
    return this.attempt?.credit;
  }

  get messageId(): string | undefined {
    return this.attempt?.messageId;
  }

  /** How often it was sent. */
  get attempts(): number {
    return this.attemptCount;
  }

  /** Instances that must not get it again: they refused it, or were not reached. */
  get tried(): ReadonlySet<string> | undefined {
    return this.excluded;
  }

  /** How many values were received. A call with a value is not sent again. */
  get received(): number {
    return this.valueCount;
  }

  /** Why the last attempt ended. */
  get lastRefusal(): HydraError | undefined {
    return this.refusal;
  }

  /** An attempt has ended, and it is unknown whether it was executed. */
  get mayHaveRun(): boolean {
    return this.isUncertain;
  }

  sent(
    instance: Instance,
    sentAt: number,
    credit: ReplyCredit<OutgoingCall> | undefined,
    messageId: string | undefined,
  ): void {
    this.current = 'sent';
    this.attemptCount++;
    this.attempt = {
      instance,
      sentAt,
      credit,
      messageId,
      missedAnswers: 0,
      missedAnswerAt: -Infinity,
      missedArrivals: 0,
      early: undefined,
    };
  }

  /** Removes it from its instance, and from what it waits for. */
  detach(): void {
    if (this.current !== 'over') this.current = 'choosing';
    this.attempt = undefined;
  }

  wait(): void {
    this.current = 'waiting';
  }

  queue(): void {
    this.current = 'queueing';
  }

  end(): void {
    this.current = 'over';
    this.attempt = undefined;
  }

  /** How long no instance could get it, in milliseconds. */
  waitedMs(now: number): number {
    return now - (this.waitingSince ??= now);
  }

  /** Whether a part of its answer waits for values that belong in front of it. */
  get lacksValues(): boolean {
    return (this.attempt?.early?.size ?? 0) > 0;
  }

  /** The next value arrived. */
  countValue(): void {
    this.valueCount++;
  }

  /** Keeps a part of the answer until the values before it have arrived. How many are kept. */
  keepEarly(before: number, part: Item): number {
    return this.attempt ? (this.attempt.early ??= new Map()).set(before, part).size : 0;
  }

  /** The part that comes next, if it came early. */
  takeEarly(): Item | undefined {
    const early = this.attempt?.early;
    const part = early?.get(this.valueCount);
    early?.delete(this.valueCount);
    return part;
  }

  /** How many probes, this far apart at least, now found it finished, while the answer was not here. */
  missAnswer(now: number, apartMs: number): number {
    const { attempt } = this;
    if (!attempt) return 0;
    if (now - attempt.missedAnswerAt < apartMs) return attempt.missedAnswers;
    attempt.missedAnswerAt = now;
    return ++attempt.missedAnswers;
  }

  /** How many probes now did not find it. */
  missArrival(): number {
    return this.attempt ? ++this.attempt.missedArrivals : 0;
  }

  /** Its instance must not be chosen again. */
  exclude(): void {
    if (this.attempt) (this.excluded ??= new Set()).add(this.attempt.instance.id);
  }

  /** It was lost on its way to the instance. That instance may get it again if there is no other. */
  missed(): void {
    this.missedBy = this.attempt?.instance.id;
  }

  /** Allows, once, the instance on whose way it was lost. False when there is none. */
  readmitMissed(): boolean {
    const { missedBy, excluded } = this;
    this.missedBy = undefined;
    return missedBy !== undefined && excluded?.delete(missedBy) === true;
  }

  /** Allows every instance again. */
  readmitAll(): void {
    this.excluded = undefined;
  }

  /** An attempt ended with this error. */
  refusedWith(error: HydraError): void {
    this.refusal = error;
  }

  /** From now on it may have been executed. */
  setUncertain(): void {
    this.isUncertain = true;
  }

  /** Gives it another number. The same instance may then get it again, and answers about the old number are ignored. */
  renumber(id: number): void {
    this.callId = id;
  }

  /** Gives a reply to the user, in the asynchronous context in which the call was made. */
  respond(packet: WritePacket): unknown {
    return this.context.runInAsyncScope(this.reply, undefined, packet);
  }

  /** Runs a function in the asynchronous context in which the call was made. */
  inContext(act: () => void): void {
    this.context.runInAsyncScope(act);
  }
}
