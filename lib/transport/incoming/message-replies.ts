import { decodeAddress } from '../../protocol/address.js';
import { patternOf, replyTo, type UmfMessage } from '../../protocol/message.js';
import type { Context } from '../../redis/context.js';
import { createStamp } from '../../registry/presence/instance-id.js';
import type { Messenger } from '../wire/messenger.js';
import type { Replies } from './replies.js';
import { encodeErrorMessage, encodeReplyMessage, errorFields, replyFields } from '../wire/packet.js';

/** What differs between one answer and another. */
interface Fields {
  readonly type: string;
  readonly body: unknown;
}

/** Replies to a UMF message: one message for each value, one without a body if there was none, one for an error. */
export class MessageReplies implements Replies {
  readonly hasRoom = true;
  private readonly maxBytes: number;
  private hasReplied = false;

  constructor(
    private readonly context: Pick<Context, 'address' | 'keys' | 'options' | 'clock' | 'random'>,
    private readonly messenger: Messenger,
    private readonly request: UmfMessage,
  ) {
    this.maxBytes = context.options.maxPayloadBytes;
  }

  /** A Hydra 1.x caller grants nothing: it drops what it cannot take. */
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

  breakOff(error: unknown): void {
    this.error(error);
  }

  private reply(value: unknown): void {
    const pattern = patternOf(this.request);
    this.send((message) => encodeReplyMessage(pattern, message(replyFields(value)), this.maxBytes));
  }

  /** Sends nothing where the request names nobody to answer. */
  private send(encode: (message: (fields: Fields) => UmfMessage) => string): void {
    const stamp = createStamp(this.context);
    const from = this.context.address;
    const message = (fields: Fields) => replyTo(this.request, { ...fields, from }, stamp)!;
    const to = decodeAddress(this.request.via || this.request.from);
    if (!to?.service) return;
    const channel = to.instance
      ? this.context.keys.instanceChannel(to.service, to.instance)
      : this.context.keys.serviceChannel(to.service);
    this.messenger.postMessage(channel, encode(message));
  }
}
