import type { WritePacket } from '@nestjs/microservices';

import { HydraError } from '../hydra.error.js';
import type { PacketDeserializer, PacketSerializer } from '../hydra.options.js';
import type { ReceivedCall } from './hydra.context.js';
import type { Replies } from './incoming.call.js';
import { HydraQueued } from './queue.fallback.js';

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

/** Passes replies through the deserializer, in their order. */
export function decodeReplies(codec: Codec, pattern: string, reply: (packet: WritePacket) => void) {
  const { deserializer } = codec;
  if (!deserializer) return reply;
  let last = Promise.resolve();
  return (packet: WritePacket): void => {
    const isAnswer = !(packet.response instanceof HydraQueued);
    last = last.then(async () => reply(isAnswer ? await decodeReply(deserializer, pattern, packet) : packet));
  };
}

async function decodeReply(
  deserializer: PacketDeserializer,
  pattern: string,
  packet: WritePacket,
): Promise<WritePacket> {
  try {
    const decoded = (await deserializer.deserialize(packet, { pattern })) as WritePacket | null | undefined;
    return decoded ?? { err: noPacketError(pattern), isDisposed: true };
  } catch (err) {
    return { err, isDisposed: true };
  }
}

function noPacketError(pattern: string): HydraError {
  return new HydraError('BAD_PAYLOAD', `the deserializer made nothing of the reply to "${pattern}"`);
}

/** Passes replies through the serializer, in their order, on their way to the caller. */
export class CodecReplies implements Replies {
  private last = Promise.resolve();

  constructor(
    private readonly replies: Replies,
    private readonly serializer: PacketSerializer,
    private readonly id: number | string,
  ) {}

  get credit(): number {
    return this.replies.credit;
  }

  grant(count: number): void {
    this.replies.grant(count);
  }

  value(response: unknown): void {
    this.enqueue({ response }, (encoded) => this.replies.value(encoded));
  }

  complete(hasValue: boolean, response?: unknown): void {
    if (hasValue)
      this.enqueue({ response, isDisposed: true }, (encoded) => this.replies.complete(true, encoded));
    else this.after(() => this.replies.complete(false));
  }

  error(error: unknown): void {
    this.after(() => this.replies.error(error));
  }

  refuse(error: HydraError): void {
    this.replies.refuse(error);
  }

  private enqueue(packet: WritePacket, send: (encoded: unknown) => void): void {
    this.after(async () => {
      const encoded = await this.serializer.serialize({ id: this.id, ...packet });
      send(hasOwn(encoded, 'response') ? encoded['response'] : encoded);
    });
  }

  private after(act: () => void | Promise<void>): void {
    this.last = this.last.then(act).catch((error: unknown) => this.replies.error(error));
  }
}

function hasOwn<Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}
