import type { BoundHandler } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import type { ResolvedOptions } from '../../hydra-options.js';
import type { Keys } from '../../protocol/keys.js';
import { patternOf, type UmfMessage } from '../../protocol/message.js';
import { REPLY_SHARE, SMALL_REPLY, type Item } from '../../protocol/rpc.js';
import type { Channel } from '../wire/messenger.js';
import { CodecReplies, type Codec } from '../wire/codec.js';
import { FrameReplies } from './frame-replies.js';
import { IncomingCall, looseOrigin, NO_REPLIES, type Replies } from './incoming-call.js';
import type { KnownCallers } from './remote-callers.js';
import { MessageReplies } from './message-replies.js';
import { decodeValue, type ReplyPlace } from '../wire/packet.js';
import { RejectedInput } from '../rejected-input.js';
import type { Peer } from '../wire/remote-instances.js';

type Handlers = ReadonlyMap<string, BoundHandler>;

/** Makes calls of what arrives: of items from our own instances, of messages from Hydra 1.x. What is none is answered here. */
export class CallReader {
  private readonly rejected = new RejectedInput();
  private handlers: Handlers = new Map();
  private isAccepting = false;

  constructor(
    private readonly channel: Channel,
    private readonly keys: Keys,
    private readonly callers: KnownCallers,
    private readonly codec: Codec | undefined,
    private readonly options: ResolvedOptions,
  ) {}

  /** From here on, calls of these handlers are taken. */
  accept(handlers: Handlers): void {
    this.handlers = handlers;
    this.isAccepting = true;
  }

  /** Calls that can go elsewhere are sent there; events and messages, which cannot, are still taken. */
  refuse(): void {
    this.isAccepting = false;
  }

  /** Nothing is taken any more, whoever sent it. */
  close(): void {
    this.refuse();
    this.handlers = new Map();
  }

  /** `[0, id, pattern, data, timeoutMs, metadata?, hasBytes?, share?]` */
  call(peer: Peer, item: Item): IncomingCall | undefined {
    const [, id, pattern, data, timeoutMs, metadata, hasBytes, share] = item;
    if (!isCallId(id) || typeof pattern !== 'string' || typeof timeoutMs !== 'number') {
      this.rejected.count('a call', item);
      return undefined;
    }
    const replies = this.frameReplies(peer, { id, pattern, before: 0 }, share);
    if (!this.isAccepting) return replies.refuse(this.drainingError(pattern)) as undefined;
    const caller = this.callers.of(peer);
    if (!this.callers.accept(caller, id)) return this.repeated(peer, id, pattern, replies);
    // Nobody waits for it any more.
    if (!(timeoutMs > 0)) return undefined;
    const bound = this.handlers.get(pattern);
    if (!bound) return replies.refuse(this.noHandlerError(pattern)) as undefined;
    const deadlineAt = performance.now() + timeoutMs;
    const value = decodeValue(data, hasBytes);
    const call = new IncomingCall(id, bound, value, headersOf(metadata), caller, deadlineAt, replies);
    caller.running.add(call);
    return call;
  }

  /** `[1, id, pattern, data, metadata?, hasBytes?]` */
  event(peer: Peer, item: Item): IncomingCall | undefined {
    const [, id, pattern, data, metadata, hasBytes] = item;
    if (!isCallId(id) || typeof pattern !== 'string') {
      this.rejected.count('an event', item);
      return undefined;
    }
    const caller = this.callers.of(peer);
    if (!this.callers.accept(caller, id)) return undefined;
    const bound = this.handlers.get(pattern);
    if (!bound) {
      this.rejected.count('an event with a handler here', pattern);
      return undefined;
    }
    const deadlineAt = performance.now() + this.options.timeoutMs;
    const value = decodeValue(data, hasBytes);
    const origin = looseOrigin(caller.from, caller.to);
    return new IncomingCall(id, bound, value, headersOf(metadata), origin, deadlineAt, NO_REPLIES);
  }

  message(message: UmfMessage): IncomingCall | undefined {
    // An answer that nobody waits for any more must not be taken for a call.
    if (message.rmid !== undefined) return undefined;
    const pattern = patternOf(message);
    const bound = this.handlers.get(pattern);
    const { mid, body, headers, from, to, timeout } = message;
    const replies = bound?.isEvent ? NO_REPLIES : this.messageReplies(message);
    if (!bound) return replies.refuse(this.noHandlerError(pattern)) as undefined;
    const deadlineAt = performance.now() + (timeout ? timeout * 1_000 : this.options.timeoutMs);
    const origin = looseOrigin(from, to);
    const encoding = this.throughCodec(replies, mid);
    return new IncomingCall(mid, bound, body, headersOf(headers), origin, deadlineAt, encoding, message);
  }

  /** One that ran or runs is answered already. One that was said not to have come is told that again. */
  private repeated(peer: Peer, id: number, pattern: string, replies: Replies): undefined {
    if (this.callers.isDenied(peer, id)) replies.refuse(this.tooLateError(pattern));
  }

  private frameReplies(peer: Peer, place: ReplyPlace, share: unknown): Replies {
    const granted = typeof share === 'number' ? Math.max(share, SMALL_REPLY) : REPLY_SHARE;
    const replies = new FrameReplies(this.channel, peer, place, this.options.maxPayloadBytes, granted);
    return this.throughCodec(replies, place.id);
  }

  private messageReplies(message: UmfMessage): Replies {
    return new MessageReplies(this.channel, this.keys, message, this.options.maxPayloadBytes);
  }

  private throughCodec(replies: Replies, id: number | string): Replies {
    const serializer = this.codec?.serializer;
    return serializer ? new CodecReplies(replies, serializer, id) : replies;
  }

  private noHandlerError(pattern: string): HydraError {
    return new HydraError('NO_HANDLER', `"${pattern}" has no handler at ${this.channel.address}`);
  }

  private tooLateError(pattern: string): HydraError {
    const why = 'came after its caller had been told that it had not';
    return new HydraError('NO_INSTANCE', `"${pattern}" ${why}, to ${this.channel.address}`);
  }

  private drainingError(pattern: string): HydraError {
    return new HydraError('DRAINING', `${this.channel.address} takes no more: "${pattern}"`);
  }
}

export function isCallId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** Headers as a stranger sent them: an object, or nothing. */
function headersOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, string>>;
}
