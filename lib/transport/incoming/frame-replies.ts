import { encodeItem, Kind, SMALL_REPLY } from '../../protocol/rpc.js';
import type { Clock } from '../../runtime/clock.js';
import type { Metrics } from '../../metrics/metrics.js';
import type { Messenger, PublishListener, PublishOutcome } from '../wire/messenger.js';
import { encodeError, encodeLast, encodeValue, withSent, type ReplyPlace } from '../wire/packet.js';
import type { RemoteInstance } from '../wire/remote-instances.js';
import type { Replies } from './replies.js';

/** A caller that lost its connection reconnects within this time, or does not get the answer. */
const RESEND_FOR_MS = 5_000;
const RESEND_EVERY_MS = 50;
/** After this many bytes a value says how many bytes the answer has sent. The caller grants more because of that. */
const TELL_EVERY = 512;

/** What all answers of one instance are sent with. */
export interface ReplyOutlet {
  readonly messenger: Messenger;
  readonly clock: Clock;
  /** The largest answer, in bytes. */
  readonly maxBytes: number;
  readonly metrics?: Metrics | undefined;
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
 * Replies to an instance of this library. They send only the bytes that it has granted; further values wait here, and a
 * grant for them is requested. The end of the answer is sent again while the caller reconnects.
 */
export class FrameReplies implements Replies, PublishListener {
  private end: string | undefined;
  private giveUpAt = 0;
  private isResending = false;
  /** Bytes sent, and how many of them the caller was told of. */
  private sent = 0;
  private told = 0;
  /** Values that wait for a grant. */
  private held = NOTHING;
  private onEmpty: (() => void) | undefined;

  constructor(
    private readonly outlet: ReplyOutlet,
    private readonly caller: RemoteInstance,
    private readonly place: ReplyPlace,
    /** Bytes that may be sent, counted from the beginning. */
    private granted: number,
  ) {}

  /** Whether all values were sent. */
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
    // A grant for the first one was requested when it began to wait.
    if (this.held.length === 0) this.onEmpty?.();
    else if (this.held[0] !== first) this.remind();
  }

  value(value: unknown): void {
    const text = encodeValue(this.place, value, this.outlet.maxBytes);
    this.outlet.metrics?.encoded('reply', text.length);
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

  /** Requests the grant that it waits for. It is called again when the request or the grant may have been lost. */
  remind(): void {
    const [next] = this.held;
    if (!next) return;
    const item = encodeItem(Kind.ask, this.place.id, this.sent + next.bytes);
    this.outlet.messenger.post(this.caller.replyChannel, item);
  }

  onPublished(outcome: PublishOutcome): void {
    if (this.end === undefined) return;
    if (outcome === 'delivered') this.heard();
    // Redis refuses to publish the answer, and will continue to refuse.
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
    this.outlet.metrics?.encoded('reply', text.length);
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

  /** The end was received or given up. From now on a probe is told that the call is finished. */
  private heard(): void {
    if (this.giveUpAt > 0) this.caller.unheard.delete(this.place.id);
  }
}
