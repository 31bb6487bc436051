import { decodeAddress } from '../protocol/address.js';
import type { Keys } from '../protocol/keys.js';
import { patternOf, replyTo, type UmfMessage } from '../protocol/message.js';
import { encodeItem, Kind } from '../protocol/rpc.js';
import { createStamp } from '../registry/ids.js';
import type { Channel, Published, Sender } from './channel.js';
import type { Peer } from './peers.js';
import type { Replies } from './incoming.call.js';
import {
  encodeError,
  encodeErrorMessage,
  encodeReplyMessage,
  encodeValue,
  errorFields,
  replyFields,
  type ReplyPlace,
} from './packet.js';

/** A caller that lost its connection is back within this time, or does not come back for the answer. */
const RESEND_FOR_MS = 5_000;
const RESEND_EVERY_MS = 50;

/** Replies to one of our own instances. The last word is sent again while the caller is between two connections. */
export class FrameReplies implements Replies, Sender {
  private lastWord: string | undefined;
  private granted: number;
  private giveUpAt = 0;
  private isResending = false;

  constructor(
    private readonly channel: Channel,
    private readonly peer: Peer,
    private readonly place: ReplyPlace,
    private readonly maxBytes: number,
    private readonly window: number,
  ) {
    this.granted = window;
  }

  get credit(): number {
    return this.granted - this.place.before;
  }

  grant(count: number): void {
    this.granted = Math.min(this.granted + count, this.place.before + this.window);
  }

  value(value: unknown): void {
    const text = encodeValue(Kind.value, this.place, value, this.maxBytes);
    this.place.before++;
    this.channel.post(this.peer.replyChannel, text, this);
  }

  complete(hasValue: boolean, value?: unknown): void {
    this.finish(
      hasValue
        ? encodeValue(Kind.complete, this.place, value, this.maxBytes)
        : encodeItem(Kind.complete, this.place.id, this.place.before),
    );
  }

  error(error: unknown): void {
    this.finish(encodeError(Kind.error, this.place.id, error, this.maxBytes));
  }

  refuse(error: unknown): void {
    this.finish(encodeError(Kind.refusal, this.place.id, error, this.maxBytes));
  }

  published(outcome: Published): void {
    if (this.lastWord === undefined) return;
    if (outcome === 'delivered') this.heard();
    // Redis does not let us answer, now or in a while.
    else if (outcome !== 'nobody' && !outcome.retryable) this.heard();
    // Whether values are missing, the caller sees by the number that the last word carries.
    else if (!this.isResending) this.resend(this.lastWord);
  }

  private finish(text: string): void {
    this.lastWord = text;
    this.channel.post(this.peer.replyChannel, text, this);
  }

  private resend(text: string): void {
    const now = performance.now();
    this.giveUpAt ||= now + RESEND_FOR_MS;
    if (now >= this.giveUpAt) return this.heard();
    this.peer.unheard.add(this.place.id);
    this.isResending = true;
    setTimeout(() => {
      this.isResending = false;
      this.channel.post(this.peer.replyChannel, text, this);
    }, RESEND_EVERY_MS).unref();
  }

  /** Or given up: who asks after the call is told that it is finished. */
  private heard(): void {
    if (this.giveUpAt > 0) this.peer.unheard.delete(this.place.id);
  }
}

/** What differs between one answer and another. */
interface Fields {
  readonly type: string;
  readonly body: unknown;
}

/** Replies to a UMF message: one message for each value, one without a body if there was none, one for an error. */
export class MessageReplies implements Replies {
  readonly credit = Infinity;
  private hasReplied = false;

  constructor(
    private readonly channel: Channel,
    private readonly keys: Keys,
    private readonly request: UmfMessage,
    private readonly maxBytes: number,
  ) {}

  /** Nobody grants here: what a Hydra 1.x caller cannot take, it drops. */
  grant(): void {}

  value(value: unknown): void {
    this.reply(value);
    this.hasReplied = true;
  }

  complete(hasValue: boolean, value?: unknown): void {
    // Completion has no message of its own, but whoever waits for an answer must hear one.
    if (hasValue || !this.hasReplied) this.reply(value);
  }

  error(error: unknown): void {
    this.send((message) => encodeErrorMessage(error, this.maxBytes, (body) => message(errorFields(body))));
  }

  refuse(error: unknown): void {
    this.error(error);
  }

  private reply(value: unknown): void {
    const pattern = patternOf(this.request);
    this.send((message) => encodeReplyMessage(pattern, message(replyFields(value)), this.maxBytes));
  }

  /** Nothing, where the request names nobody to answer. */
  private send(encode: (message: (fields: Fields) => UmfMessage) => string): void {
    const stamp = createStamp();
    const from = this.channel.address;
    const message = (fields: Fields) => replyTo(this.request, { ...fields, from }, stamp)!;
    const to = decodeAddress(this.request.via || this.request.from);
    if (!to?.service) return;
    const channel = to.instance
      ? this.keys.instanceChannel(to.service, to.instance)
      : this.keys.serviceChannel(to.service);
    this.channel.postMessage(channel, encode(message));
  }
}
