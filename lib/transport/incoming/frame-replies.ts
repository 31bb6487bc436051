import { encodeItem, Kind, SMALL_REPLY } from '../../protocol/rpc.js';
import type { Clock } from '../../runtime/clock.js';
import type { Metrics } from '../../metrics/metrics.js';
import type { Messenger, PublishListener, PublishOutcome } from '../wire/messenger.js';
import { encodeError, encodeLast, encodeValue, withSent, type ReplyPlace } from '../wire/packet.js';
import type { RemoteInstance } from '../wire/remote-instances.js';
import type { Replies } from './replies.js';
import {
  UndeliveredParts,
  type Part,
  type Undelivered,
  type UndeliveredListener,
} from './undelivered-parts.js';

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

/** Most answers hold nothing back, and need no list of their own for that. */
const NOTHING: Part[] = [];

/**
 * Replies to an instance of this library. They send only the bytes that it has granted; further values wait here, and a
 * grant for them is requested. What certainly did not arrive is sent again while the caller reconnects.
 */
export class FrameReplies implements Replies, PublishListener<Part | undefined>, UndeliveredListener {
  private end: string | undefined;
  /** Bytes sent, and how many of them the caller was told of. */
  private sent = 0;
  private told = 0;
  /** Values that wait for a grant. */
  private held = NOTHING;
  private onEmpty: (() => void) | undefined;
  private undelivered: UndeliveredParts | undefined;
  private delivered = 0;
  private deliveredAhead: Set<number> | undefined;

  constructor(
    private readonly outlet: ReplyOutlet,
    private readonly caller: RemoteInstance,
    private readonly place: ReplyPlace & { readonly timeoutMs: number },
    /** Bytes that may be sent, counted from the beginning. */
    private granted: number,
  ) {}

  /** Whether all values were sent. */
  get hasRoom(): boolean {
    return this.held.length === 0;
  }

  /** How many of the first values are not under way any more: Redis had a receiver for them, or they were given up. */
  get settledValues(): number {
    return this.delivered;
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
    const number = this.place.before++;
    const part = { text, bytes: Buffer.byteLength(text), number, isLast: false };
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
    const { id, before } = this.place;
    return this.finish(encodeError(Kind.error, id, error, this.outlet.maxBytes, before));
  }

  refuse(error: unknown): void {
    this.sendEnd(encodeError(Kind.refusal, this.place.id, error, this.outlet.maxBytes));
  }

  breakOff(error: unknown): void {
    this.drop();
    this.sendEnd(encodeError(Kind.error, this.place.id, error, this.outlet.maxBytes));
  }

  abandon(): void {
    this.drop();
    this.heard();
  }

  /** Requests the grant that it waits for. It is called again when the request or the grant may have been lost. */
  remind(): void {
    const [next] = this.held;
    if (!next) return;
    const item = encodeItem(Kind.ask, this.place.id, this.sent + next.bytes);
    this.outlet.messenger.post(this.caller.replyChannel, item);
  }

  /** @param part undefined for the end, of which most answers consist */
  onPublished(outcome: PublishOutcome, part: Part | undefined, isDoubtful = false): void {
    const why = isDoubtful ? 'doubtful' : whyUndelivered(outcome);
    if (why) this.failed(part ?? this.endPart(), why);
    else this.arrived(part);
  }

  resend(part: Part): void {
    this.outlet.messenger.post(this.caller.replyChannel, part.text, this, part);
  }

  gaveUp(parts: readonly Part[]): void {
    for (const part of parts) if (!part.isLast) this.settle(part.number);
    if (this.undelivered?.isEmpty) this.heard();
  }

  private mayLeave({ bytes, isLast }: Part): boolean {
    return this.sent + bytes <= this.granted || (isLast && bytes <= SMALL_REPLY);
  }

  private leave(part: Part, wasHeld = false): void {
    if (part.isLast) return this.sendEnd(part.text);
    this.sent += part.bytes;
    const tells = wasHeld || this.sent - this.told >= TELL_EVERY;
    if (tells) this.told = this.sent;
    this.post(tells ? { ...part, text: withSent(part.text, this.sent) } : part);
  }

  /** Not before what has to be sent again. */
  private post(part: Part): void {
    if (this.undelivered?.holdsBack) this.undelivered.append(part);
    else this.resend(part);
  }

  private finish(text: string): void | Promise<void> {
    this.outlet.metrics?.encoded('reply', text.length);
    // A character is at most three bytes of UTF-8: most answers need no counting.
    if (this.held.length === 0 && text.length * 3 <= SMALL_REPLY) return this.sendEnd(text);
    const part = { ...this.endPart(text), bytes: Buffer.byteLength(text) };
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
    if (this.undelivered) this.post(this.endPart());
    else this.outlet.messenger.post(this.caller.replyChannel, text, this, undefined);
  }

  private endPart(text = this.end!): Part {
    return { text, bytes: 0, number: this.place.before, isLast: true };
  }

  private failed(part: Part, why: Undelivered): void {
    this.caller.unheard.set(this.place.id, this);
    this.undelivered ??= new UndeliveredParts(this.outlet.clock, this.place.timeoutMs, this);
    this.undelivered.add(part, why);
  }

  private drop(): void {
    this.held = NOTHING;
    this.undelivered?.clear();
  }

  private arrived(part: Part | undefined): void {
    if (part && !part.isLast) this.settle(part.number);
    if (!this.undelivered) return;
    if (part) this.undelivered.delivered(part);
    if (this.undelivered.isEmpty) this.heard();
  }

  private settle(number: number): void {
    if (number < this.delivered) return;
    if (number > this.delivered) return void (this.deliveredAhead ??= new Set()).add(number);
    do this.delivered++;
    while (this.deliveredAhead?.delete(this.delivered));
  }

  /** Nothing is sent again. From now on a probe is told that the call is finished, once it is. */
  private heard(): void {
    if (this.undelivered) this.caller.unheard.delete(this.place.id);
  }
}

/** An answer that Redis refuses to publish it will continue to refuse. */
function whyUndelivered(outcome: PublishOutcome): Undelivered | undefined {
  if (outcome === 'delivered') return undefined;
  if (outcome === 'no-receivers') return 'unreceived';
  return outcome.retryable ? 'unsent' : undefined;
}
