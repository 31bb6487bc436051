import type { BoundHandler } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import { patternOf, type UmfMessage } from '../../protocol/message.js';
import { REPLY_SHARE, SMALL_REPLY, type Item } from '../../protocol/rpc.js';
import type { Context } from '../../redis/context.js';
import type { Codec } from '../wire/codec.js';
import type { Messenger } from '../wire/messenger.js';
import { decodeValue, type ReplyPlace } from '../wire/packet.js';
import { logRejected } from '../wire/rejected-input.js';
import type { RemoteInstance } from '../wire/remote-instances.js';
import { CodecReplies } from './codec-replies.js';
import { FrameReplies, type ReplyOutlet } from './frame-replies.js';
import { IncomingCall, untracked, type CallerRef } from './incoming-call.js';
import type { RefusedCall } from './observed-handler.js';
import { MissingHandlers } from './missing-handlers.js';
import { MessageReplies } from './message-replies.js';
import type { RemoteCallers } from './remote-callers.js';
import { NO_REPLIES, type Replies } from './replies.js';

type Handlers = ReadonlyMap<string, BoundHandler>;
export type ReaderContext = Pick<
  Context,
  'address' | 'keys' | 'options' | 'clock' | 'random' | 'log' | 'metrics'
>;

/** A call that is refused before it begins, with the error that its caller gets. */
export class Refusal {
  constructor(
    readonly replies: Replies,
    readonly error: HydraError,
    readonly call: RefusedCall,
  ) {}
}

/** What was read: a call to handle, a call to refuse, or nothing to do. */
export type Read = IncomingCall | Refusal | undefined;

interface CallReaderOptions {
  readonly callers: RemoteCallers;
  readonly codec: Codec | undefined;
}

/** Reads calls from items of our own instances, and from messages of Hydra 1.x. */
export class CallReader {
  private handlers: Handlers = new Map();
  private isAccepting = false;
  private missing: MissingHandlers;
  private readonly outlet: ReplyOutlet;

  constructor(
    private readonly context: ReaderContext,
    private readonly messenger: Messenger,
    private readonly options: CallReaderOptions,
  ) {
    const { clock, options: given, metrics } = context;
    this.missing = new MissingHandlers(context, () => []);
    this.outlet = { messenger, clock, maxBytes: given.maxPayloadBytes, metrics };
  }

  /** From now on, calls of these handlers are accepted. */
  accept(handlers: Handlers): void {
    this.handlers = handlers;
    this.missing = new MissingHandlers(this.context, () => [...handlers.keys()]);
    this.isAccepting = true;
  }

  /**
   * Calls are refused, because their callers can try another instance. Events and messages cannot move, so they are
   * still accepted.
   */
  refuse(): void {
    this.isAccepting = false;
  }

  /** Nothing is accepted any more. */
  close(): void {
    this.refuse();
    this.handlers = new Map();
  }

  /** `[0, id, pattern, data, timeoutMs, metadata?, hasBytes?, share?]` */
  readCall(from: RemoteInstance, item: Item): Read {
    const [, id, pattern, data, timeoutMs, metadata, hasBytes, share] = item;
    if (!isCallId(id) || typeof pattern !== 'string' || typeof timeoutMs !== 'number') {
      logRejected(this.context.log, 'calls', item);
      return undefined;
    }
    const replies = this.frameReplies(from, { id, pattern, before: 0, timeoutMs }, share);
    const headers = headersOf(metadata);
    if (!this.isAccepting) return this.refusal(replies, this.drainingError(pattern), pattern, headers);
    const { callers } = this.options;
    const caller = callers.of(from);
    // A call that has arrived before already has its answer, or will get it.
    if (!callers.accept(caller, id))
      return callers.isDenied(from, id)
        ? this.refusal(replies, this.tooLateError(pattern), pattern, headers)
        : undefined;
    // The caller does not wait any more.
    if (!(timeoutMs > 0)) return undefined;
    const handler = this.handlers.get(pattern);
    if (!handler) return this.refusal(replies, this.missing.error(pattern), pattern, headers);
    const value = decodeValue(data, hasBytes);
    return this.call(handler, { id, data: value, metadata: headers, caller, replies, timeoutMs });
  }

  /** `[1, id, pattern, data, metadata?, hasBytes?]` */
  readEvent(from: RemoteInstance, item: Item): IncomingCall | undefined {
    const [, id, pattern, data, metadata, hasBytes] = item;
    const { log } = this.context;
    if (!isCallId(id) || typeof pattern !== 'string') {
      logRejected(log, 'events', item);
      return undefined;
    }
    const { callers } = this.options;
    const known = callers.of(from);
    if (!callers.accept(known, id)) return undefined;
    const handler = this.handlers.get(pattern);
    if (!handler) {
      log.warn('events without a handler', () => `dropped an event without a handler here: ${pattern}`);
      return undefined;
    }
    const caller = untracked(known.from, known.to);
    const { timeoutMs } = this.context.options;
    const value = decodeValue(data, hasBytes);
    const headers = headersOf(metadata);
    return this.call(handler, { id, data: value, metadata: headers, caller, replies: NO_REPLIES, timeoutMs });
  }

  readMessage(message: UmfMessage): Read {
    // A late answer must not be handled as a call.
    if (message.rmid !== undefined) return undefined;
    const pattern = patternOf(message);
    const handler = this.handlers.get(pattern);
    const { mid, body, headers, from, to, timeout } = message;
    const plain = handler?.isEvent ? NO_REPLIES : new MessageReplies(this.context, this.messenger, message);
    const metadata = headersOf(headers);
    if (!handler) return this.refusal(plain, this.missing.error(pattern), pattern, metadata);
    return this.call(handler, {
      id: mid,
      data: body,
      metadata,
      caller: untracked(from, to),
      replies: this.throughCodec(plain, mid),
      timeoutMs: timeout ? timeout * 1_000 : this.context.options.timeoutMs,
      message,
    });
  }

  private call(
    handler: BoundHandler,
    { id, data, metadata, caller, replies, timeoutMs, message }: ReceivedParts,
  ): IncomingCall {
    const { clock } = this.context;
    const deadlineAt = clock.monotonic() + timeoutMs;
    return new IncomingCall({ id, handler, data, metadata, caller, deadlineAt, replies, message }, clock);
  }

  private refusal(
    replies: Replies,
    error: HydraError,
    pattern: string,
    metadata: RefusedCall['metadata'],
  ): Refusal {
    return new Refusal(replies, error, { pattern, metadata, isKnown: this.handlers.has(pattern) });
  }

  private frameReplies(
    from: RemoteInstance,
    place: ReplyPlace & { readonly timeoutMs: number },
    share: unknown,
  ): Replies {
    const granted = typeof share === 'number' ? Math.max(share, SMALL_REPLY) : REPLY_SHARE;
    return this.throughCodec(new FrameReplies(this.outlet, from, place, granted), place.id);
  }

  private throughCodec(replies: Replies, id: number | string): Replies {
    const serializer = this.options.codec?.serializer;
    return serializer ? new CodecReplies(replies, serializer, id) : replies;
  }

  private tooLateError(pattern: string): HydraError {
    const why = 'came after its caller had been told that it had not';
    return new HydraError('NO_INSTANCE', `"${pattern}" ${why}, to ${this.context.address}`);
  }

  private drainingError(pattern: string): HydraError {
    return new HydraError('DRAINING', `${this.context.address} is draining and refused "${pattern}"`);
  }
}

interface ReceivedParts {
  readonly id: number | string;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly caller: CallerRef;
  readonly replies: Replies;
  readonly timeoutMs: number;
  readonly message?: UmfMessage;
}

export function isCallId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** Headers as another process sent them: an object, or nothing. */
function headersOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, string>>;
}
