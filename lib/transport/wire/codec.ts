import type { PacketDeserializer, PacketSerializer } from '../../hydra-options.js';

/** A user's serializer and deserializer. They get and return Nest's packets; the frame around them is this library's. */
export interface Codec {
  readonly serializer: PacketSerializer | undefined;
  readonly deserializer: PacketDeserializer | undefined;
}

interface IncomingPacket extends CallPacket {
  readonly id: number | string;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

interface CallPacket {
  readonly pattern: string;
  readonly data: unknown;
}

/** Undefined when the user gave neither. */
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
export async function decodePacket({ deserializer }: Codec, call: IncomingPacket): Promise<unknown> {
  const { id, pattern, data, metadata } = call;
  if (!deserializer) return data;
  const decoded = await deserializer.deserialize({ id, pattern, data, metadata }, { channel: pattern });
  return hasOwn(decoded, 'data') ? decoded['data'] : decoded;
}

export function hasOwn<Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}
