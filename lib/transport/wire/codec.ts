import { Logger } from '@nestjs/common';
import type { WritePacket } from '@nestjs/microservices';

import { HydraError } from '../../hydra-error.js';
import type { PacketDeserializer, PacketSerializer } from '../../hydra-options.js';
import { expiry } from '../expiry.js';
import type { ReceivedCall } from '../incoming/hydra-context.js';
import type { Replies, ReplyListener } from '../incoming/incoming-call.js';
import type { CallRequest, Reply } from '../outgoing/outgoing-call.js';
import { HydraQueued } from '../outgoing/queue-fallback.js';

/** A user's own serializer and deserializer. They see and return Nest's packets; what is around them stays hydra's. */
export interface Codec {
  readonly serializer: PacketSerializer | undefined;
  readonly deserializer: PacketDeserializer | undefined;
}

interface CallPacket {
  readonly pattern: string;
  readonly data: unknown;
}

/** Undefined when the user brought neither: nothing is then passed through anything. */
export function codecOf({ serializer, deserializer }: Partial<Codec>): Codec | undefined {
  return serializer || deserializer ? { serializer, deserializer } : undefined;
}

/** A call or event as the serializer makes it: its `data` if it returns a packet, all of it otherwise. */
export async function encodePacket({ serializer }: Codec, { pattern, data }: CallPacket): Promise<unknown> {
  if (!serializer) return data;
  const encoded = await serializer.serialize({ pattern, data }, { pattern });
  return hasOwn(encoded, 'data') ? encoded['data'] : encoded;
}

/** The data that a handler is given. */
export async function decodePacket({ deserializer }: Codec, call: ReceivedCall): Promise<unknown> {
  const { id, pattern, data, metadata } = call;
  if (!deserializer) return data;
  const decoded = await deserializer.deserialize({ id, pattern, data, metadata }, { channel: pattern });
  return hasOwn(decoded, 'data') ? decoded['data'] : decoded;
}

/** Passes replies through the deserializer, in their order, within the time of the request. */
export function decodeReplies(codec: Codec, request: CallRequest, startedAt: number, reply: Reply): Reply {
  const { deserializer } = codec;
  if (!deserializer) return reply;
  const deadlineAt = startedAt + request.timeoutMs;
  let last = Promise.resolve();
  return (packet) => {
    const decoded = async () =>
      isOwn(packet) ? packet : decodeReply(deserializer, request, deadlineAt, packet);
    last = last.then(async () => void reply(await decoded())).catch(reportReply);
    return last;
  };
}

/** What no serializer has seen: a job's id, and errors in hydra's words, of this side or the other. */
function isOwn({ err, response }: WritePacket): boolean {
  return err instanceof HydraError || response instanceof HydraQueued;
}

async function decodeReply(
  deserializer: PacketDeserializer,
  request: CallRequest,
  deadlineAt: number,
  packet: WritePacket,
): Promise<WritePacket> {
  const { pattern } = request;
  const { signal, end } = expiry(deadlineAt - performance.now(), () => notDecodedError(request));
  // The deadline may pass after the answer is there.
  signal.catch(() => undefined);
  try {
    const decoded = (await Promise.race([deserializer.deserialize(packet, { pattern }), signal])) as
      WritePacket | null | undefined;
    return decoded ?? { err: noPacketError(pattern), isDisposed: true };
  } catch (err) {
    return { err, isDisposed: true };
  } finally {
    end();
  }
}

function notDecodedError({ pattern, timeoutMs }: CallRequest): HydraError {
  const what = `the deserializer was not done with the reply to "${pattern}"`;
  return new HydraError('TIMEOUT', `${what} within timeoutMs=${timeoutMs}`);
}

/** The next replies must not fall to one that its observer could not take. */
function reportReply(error: unknown): void {
  new Logger('Hydra').error(
    'a reply could not be taken',
    error instanceof Error ? error.stack : String(error),
  );
}

function noPacketError(pattern: string): HydraError {
  return new HydraError('BAD_PAYLOAD', `the deserializer made nothing of the reply to "${pattern}"`, {
    mayHaveRun: true,
  });
}

/** Values that may wait for the serializer: how many bytes they will be, nobody knows yet. */
const MOST_PENDING = 1_024;

/**
 * Passes replies through the serializer, in their order, on their way to the caller. What waits for the serializer counts as
 * sent: a handler is not asked for more than it can take.
 */
export class CodecReplies implements Replies {
  private last: Promise<void> = Promise.resolve();
  private pending = 0;
  private failure: { readonly error: unknown } | undefined;
  private listener: ReplyListener | undefined;

  constructor(
    private readonly replies: Replies,
    private readonly serializer: PacketSerializer,
    private readonly id: number | string,
  ) {}

  get hasRoom(): boolean {
    return this.pending < MOST_PENDING && this.replies.hasRoom;
  }

  grant(total: number): void {
    this.replies.grant(total);
  }

  remind(): void {
    this.replies.remind?.();
  }

  breakOff(error: unknown): void {
    this.replies.breakOff(error);
  }

  watch(listener: ReplyListener): void {
    this.listener = listener;
  }

  value(response: unknown): void {
    this.pending++;
    const send = async () => {
      try {
        this.replies.value(await this.encoded({ response }));
      } catch (error) {
        this.failure ??= { error };
        throw error;
      }
    };
    this.after(send).then(
      () => {
        this.pending--;
        this.listener?.room();
      },
      (error: unknown) => this.listener?.failed(error),
    );
  }

  complete(hasValue: boolean, response?: unknown): Promise<void> {
    return this.after(async () => {
      if (hasValue) return this.replies.complete(true, await this.encoded({ response, isDisposed: true }));
      if (this.failure) throw this.failure.error;
      return this.replies.complete(false);
    });
  }

  error(error: unknown): Promise<void> {
    return this.after(() => this.replies.error(error));
  }

  refuse(error: unknown): void {
    this.replies.refuse(error);
  }

  private async encoded(packet: WritePacket): Promise<unknown> {
    // A stream with a gap must not go on.
    if (this.failure) throw this.failure.error;
    const encoded = await this.serializer.serialize({ id: this.id, ...packet });
    return hasOwn(encoded, 'response') ? encoded['response'] : encoded;
  }

  private after(act: () => void | Promise<void>): Promise<void> {
    const acted = this.last.then(act);
    this.last = acted.catch(() => undefined);
    return acted;
  }
}

function hasOwn<Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}
