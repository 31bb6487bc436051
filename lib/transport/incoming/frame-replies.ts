import { encodeItem, Kind, SMALL_REPLY } from '../../protocol/rpc.js';
import type { Clock } from '../../runtime/clock.js';
import type { Messenger, PublishListener, PublishOutcome } from '../wire/messenger.js';
import { encodeError, encodeLast, encodeValue, withSent, type ReplyPlace } from '../wire/packet.js';
import type { RemoteInstance } from '../wire/remote-instances.js';
import type { Replies } from './replies.js';

/** A caller that lost its connection is back within this time, or does not come back for the answer. */
const RESEND_FOR_MS = 5_000;
const RESEND_EVERY_MS = 50;
/** A value says how much was sent when it is this many bytes since one did: the caller grants by that. */
const TELL_EVERY = 512;

/** What all answers of one instance leave by. */
export interface ReplyOutlet {
  readonly messenger: Messenger;
  readonly clock: Clock;
  /** The largest answer, in bytes. */
  readonly maxBytes: number;
}

/** A value or the end of an answer. */
interface Part {
  readonly text: string;
  readonly bytes: number;
  readonly isLast: boolean;
}

/** Most answers hold nothing back, and need no list of their own for that. */
const NOTHING: Part[] = [];

/**
 * Replies to one of our own instances: no more bytes than it granted. What is more waits here, and is asked for. The end of
 * the answer is sent again while the caller is between two connections.
 */
export class FrameReplies implements Replies, PublishListener {
  private end: string | undefined;
  private giveUpAt = 0;
  private isResending = false;
  /** Bytes sent, and what the caller was told of them. */
  private sent = 0;
  private told = 0;
  /** What the caller has no room for yet. */
  private held = NOTHING;
  private onEmpty: (() => void) | undefined;

  constructor(
    private readonly outlet: ReplyOutlet,
    private readonly caller: RemoteInstance,
    private readonly place: ReplyPlace,
    /** Bytes that may be sent, counted from the beginning. */
    private granted: number,
  ) {}

  /** Whether the last value has left. */
  get hasRoom(): boolean {
    return this.held.length === 0;
  }

  grant(total: number): void {
    this.granted = Math.max(this.granted, total);
    const [first] = this.held;
    for (let next = first; next && this.mayLeave(next); next = this.held[0]) {
      this.held.shift();
      this.leave(next, true);
    }
    // The first one was asked for when it was held.
    if (this.held.length === 0) this.onEmpty?.();
    else if (this.held[0] !== first) this.remind();
  }

  value(value: unknown): void {
    const text = encodeValue(this.place, value, this.outlet.maxBytes);
    this.place.before++;
    const part = { text, bytes: Buffer.byteLength(text), isLast: false };
    if (this.held.length === 0 && this.mayLeave(part)) this.leave(part);
    else this.hold(part);
  }

  complete(hasValue: boolean, value?: unknown): void | Promise<void> {
    return this.finish(
      hasValue
        ? encodeLast(this.place, value, this.outlet.maxBytes)
        : encodeItem(Kind.complete, this.place.id, this.place.before),
    );
  }

  error(error: unknown): void | Promise<void> {
    return this.finish(encodeError(Kind.error, this.place.id, error, this.outlet.maxBytes));
  }

  refuse(error: unknown): void {
    this.sendEnd(encodeError(Kind.refusal, this.place.id, error, this.outlet.maxBytes));
  }

  breakOff(error: unknown): void {
    this.held = NOTHING;
    this.sendEnd(encodeError(Kind.error, this.place.id, error, this.outlet.maxBytes));
  }

  /** Asks for what it waits for; again, where that or its grant may have got lost. */
  remind(): void {
    const [next] = this.held;
    if (!next) return;
    const item = encodeItem(Kind.ask, this.place.id, this.sent + next.bytes);
    this.outlet.messenger.post(this.caller.replyChannel, item);
  }

  onPublished(outcome: PublishOutcome): void {
    if (this.end === undefined) return;
    if (outcome === 'delivered') this.heard();
    // Redis does not let us answer, now or later.
    else if (outcome !== 'no-receivers' && !outcome.retryable) this.heard();
    // The caller sees by the number that the end carries whether values are missing.
    else if (!this.isResending) this.resend(this.end);
  }

  private mayLeave({ bytes, isLast }: Part): boolean {
    return this.sent + bytes <= this.granted || (isLast && bytes <= SMALL_REPLY);
  }

  private leave({ text, bytes, isLast }: Part, wasHeld = false): void {
    if (isLast) return this.sendEnd(text);
    this.sent += bytes;
    const tells = wasHeld || this.sent - this.told >= TELL_EVERY;
    if (tells) this.told = this.sent;
    this.outlet.messenger.post(this.caller.replyChannel, tells ? withSent(text, this.sent) : text, this);
  }

  private finish(text: string): void | Promise<void> {
    // A character is at most three bytes of UTF-8: most answers need no counting.
    if (this.held.length === 0 && text.length * 3 <= SMALL_REPLY) return this.sendEnd(text);
    const part = { text, bytes: Buffer.byteLength(text), isLast: true };
    if (this.held.length === 0 && this.mayLeave(part)) return this.sendEnd(text);
    return new Promise((resolve) => {
      this.onEmpty = resolve;
      this.hold(part);
    });
  }

  private hold(part: Part): void {
    if (this.held === NOTHING) this.held = [part];
    else this.held.push(part);
    if (this.held.length === 1) this.remind();
  }

  private sendEnd(text: string): void {
    this.end = text;
    this.outlet.messenger.post(this.caller.replyChannel, text, this);
  }

  private resend(text: string): void {
    const now = this.outlet.clock.monotonic();
    this.giveUpAt ||= now + RESEND_FOR_MS;
    if (now >= this.giveUpAt) return this.heard();
    this.caller.unheard.add(this.place.id);
    this.isResending = true;
    this.outlet.clock.setTimeout(() => {
      this.isResending = false;
      this.outlet.messenger.post(this.caller.replyChannel, text, this);
    }, RESEND_EVERY_MS);
  }

  /** Received or given up: a probe for the call is told that it is finished. */
  private heard(): void {
    if (this.giveUpAt > 0) this.caller.unheard.delete(this.place.id);
  }
}
