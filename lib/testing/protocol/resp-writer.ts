import {
  CommandError,
  DoubleReply,
  MapReply,
  NO_REPLY,
  NULL_ARRAY,
  PushReply,
  SetReply,
  Status,
  VerbatimReply,
  type Reply,
} from './reply.js';
import { formatDouble } from './numbers.js';

export type RespVersion = 2 | 3;

/** An answer as it goes over the wire, as bytes (Latin-1). */
export function encodeReply(reply: Reply, version: RespVersion): string {
  if (typeof reply === 'string') return bulk(reply);
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (reply === null) return version === 3 ? '_\r\n' : '$-1\r\n';
  if (reply === NULL_ARRAY) return version === 3 ? '_\r\n' : '*-1\r\n';
  if (reply === NO_REPLY) return '';
  if (Array.isArray(reply)) return list('*', reply as readonly Reply[], version);
  return encodeObject(reply, version);
}

function encodeObject(reply: object, version: RespVersion): string {
  if (reply instanceof Status) return `+${reply.text}\r\n`;
  if (reply instanceof CommandError) return `-${oneLine(reply.text)}\r\n`;
  if (reply instanceof DoubleReply) return double(reply.value, version);
  if (reply instanceof MapReply) return map(reply, version);
  if (reply instanceof SetReply) return list(version === 3 ? '~' : '*', reply.members, version);
  if (reply instanceof PushReply) return list(version === 3 ? '>' : '*', reply.items, version);
  const { text } = reply as VerbatimReply;
  return version === 3 ? `=${text.length + 4}\r\ntxt:${text}\r\n` : bulk(text);
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

function list(sign: string, items: readonly Reply[], version: RespVersion): string {
  let text = `${sign}${items.length}\r\n`;
  for (const item of items) text += encodeReply(item, version);
  return text;
}

function map({ pairs }: MapReply, version: RespVersion): string {
  let text = version === 3 ? `%${pairs.length}\r\n` : `*${pairs.length * 2}\r\n`;
  for (const [key, value] of pairs) text += encodeReply(key, version) + encodeReply(value, version);
  return text;
}

function double(value: number, version: RespVersion): string {
  return version === 3 ? `,${formatDouble(value)}\r\n` : bulk(formatDouble(value));
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ');
}
