import { decodeAddress } from './address.js';
import { isJsonObject, parseObject, stringOf } from './json.js';

/** The default version of the message format; the constant of hydra 1.9.3. */
export const UMF_VERSION = 'UMF/1.4.6';

/**
 * One message (UMF), under its long names.
 *
 * As in hydra 1.9.3 a falsy value is the same as an absent one. The members that are always there are therefore empty
 * (`''`, and undefined for `body`) when a received message lacked them.
 */
export interface UmfMessage {
  /** Address of the receiver. */
  readonly to: string;
  /** Address of the sender. */
  readonly from: string;
  /** Free members, for the application and for tracing. */
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Message id, a UUID v4 by convention. */
  readonly mid: string;
  /** The `mid` this message answers. */
  readonly rmid?: string;
  /** Hex HMAC of the long form without it; carried, not checked. */
  readonly signature?: string;
  /** In seconds. */
  readonly timeout?: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly timestamp: string;
  /** The pattern; `reply` or `error` in an answer. */
  readonly type?: string;
  /** Version of the message format, `UMF/1.4.6`. */
  readonly version: string;
  /** Address that an answer must go through, before `from`. */
  readonly via?: string;
  /** Address that a router passes the message on to. */
  readonly forward?: string;
  /** The data. */
  readonly body: unknown;
  /** Passed on unread. */
  readonly authorization?: string;
}

/** The members that a sender sets; the rest of a message is its {@link Stamp}. */
export interface MessageFields {
  readonly to: string;
  readonly from: string;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly rmid?: string | undefined;
  readonly signature?: string | undefined;
  readonly timeout?: number | undefined;
  readonly type?: string | undefined;
  readonly version?: string | undefined;
  readonly via?: string | undefined;
  readonly forward?: string | undefined;
  readonly body?: unknown;
  readonly authorization?: string | undefined;
}

/** The own members of an answer; its `to`, `rmid`, `via` and `forward` follow from the request. */
export type ReplyFields = Omit<MessageFields, 'to' | 'rmid' | 'via' | 'forward'>;

/** Identity and moment of a message, drawn by the caller: this folder has no clock and no randomness. */
export interface Stamp {
  readonly mid: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly timestamp: string;
}

/** Builds a message. Falsy fields are left out, `body: 0`, `false`, `''` and `null` included. */
export function createMessage(fields: MessageFields, stamp: Stamp): UmfMessage {
  // Member by member: a spread for each that may be absent took longer than all the rest of a message.
  const message: { -readonly [Name in keyof UmfMessage]: UmfMessage[Name] } = {
    to: fields.to,
    from: fields.from,
    mid: stamp.mid,
    timestamp: stamp.timestamp,
    version: fields.version || UMF_VERSION,
    body: fields.body || undefined,
  };
  if (fields.headers) message.headers = fields.headers;
  if (fields.rmid) message.rmid = fields.rmid;
  if (fields.signature) message.signature = fields.signature;
  if (fields.timeout) message.timeout = fields.timeout;
  if (fields.type) message.type = fields.type;
  if (fields.via) message.via = fields.via;
  if (fields.forward) message.forward = fields.forward;
  if (fields.authorization) message.authorization = fields.authorization;
  return message;
}

/**
 * Builds the answer to a request, or returns undefined when the request names nobody to answer.
 *
 * It goes to the request's `via`, else to its `from`, and keeps `via` and `forward`, which is what hydra-router needs
 * to find the socket. Unlike hydra 1.9.3's `sendReplyMessage` it takes no type, headers, authorization, signature or
 * timeout from the request: there a reply without a type carries the type of the request.
 */
export function replyTo(request: UmfMessage, fields: ReplyFields, stamp: Stamp): UmfMessage | undefined {
  const to = request.via || request.from;
  if (!to) return undefined;
  const { mid: rmid, via, forward } = request;
  return createMessage({ ...fields, to, rmid, via, forward }, stamp);
}

/**
 * The short form, the one that travels. Names and order are those of hydra 1.9.3's `toShort`, and the text is what
 * `JSON.parse` then `JSON.stringify` would give back.
 *
 * @throws TypeError or RangeError when `body` is not JSON data (a bigint, a cycle, nested too deep)
 */
export function encodeMessage(message: UmfMessage): string {
  // Member by member, as in createMessage: each that is undefined would cost as much as one that is there.
  const short: Record<string, unknown> = {};
  if (message.to) short['to'] = message.to;
  if (message.from) short['frm'] = message.from;
  if (message.headers) short['hdr'] = message.headers;
  if (message.mid) short['mid'] = message.mid;
  if (message.rmid) short['rmid'] = message.rmid;
  if (message.signature) short['sig'] = message.signature;
  if (message.timeout) short['tmo'] = message.timeout;
  if (message.timestamp) short['ts'] = message.timestamp;
  if (message.type) short['typ'] = message.type;
  if (message.version) short['ver'] = message.version;
  if (message.via) short['via'] = message.via;
  if (message.forward) short['fwd'] = message.forward;
  if (message.body) short['bdy'] = message.body;
  if (message.authorization) short['aut'] = message.authorization;
  return JSON.stringify(short);
}

/**
 * The long form: what hydra 1.9.3 signs, and what hydra-router stores for a client that is away. Same order as the
 * short form.
 *
 * @throws TypeError or RangeError when `body` is not JSON data (a bigint, a cycle, nested too deep)
 * @internal
 */
export function encodeLongMessage(message: UmfMessage): string {
  return JSON.stringify({
    to: message.to || undefined,
    from: message.from || undefined,
    headers: message.headers || undefined,
    mid: message.mid || undefined,
    rmid: message.rmid || undefined,
    signature: message.signature || undefined,
    timeout: message.timeout || undefined,
    timestamp: message.timestamp || undefined,
    type: message.type || undefined,
    version: message.version || undefined,
    via: message.via || undefined,
    forward: message.forward || undefined,
    body: message.body || undefined,
    authorization: message.authorization || undefined,
  });
}

/**
 * Reads a message in short, long or mixed form; where both names are there the long one wins. Unknown members and
 * members of the wrong type are dropped. Returns undefined for anything but a JSON object, and never throws.
 *
 * Hydra 1.9.3 invents a missing id and time; here they stay empty.
 */
export function decodeMessage(wire: string): UmfMessage | undefined {
  const raw = parseObject(wire);
  if (raw === undefined) return undefined;
  return createMessage(
    {
      to: stringOf(raw['to']),
      from: stringOf(raw['from']) || stringOf(raw['frm']),
      headers: objectOf(raw['headers']) ?? objectOf(raw['hdr']),
      rmid: stringOf(raw['rmid']),
      signature: stringOf(raw['signature']) || stringOf(raw['sig']),
      timeout: secondsOf(raw['timeout']) || secondsOf(raw['tmo']),
      type: stringOf(raw['type']) || stringOf(raw['typ']),
      version: stringOf(raw['version']) || stringOf(raw['ver']),
      via: stringOf(raw['via']),
      forward: stringOf(raw['forward']) || stringOf(raw['fwd']),
      body: raw['body'] || raw['bdy'],
      authorization: stringOf(raw['authorization']) || stringOf(raw['aut']),
    },
    { mid: stringOf(raw['mid']), timestamp: stringOf(raw['timestamp']) || stringOf(raw['ts']) },
  );
}

/** The pattern of a message: its type, otherwise the path of `to` without its verb and leading slash, otherwise `''`. */
export function patternOf(message: UmfMessage): string {
  return message.type || (decodeAddress(message.to)?.path ?? '').replace(/^\//, '');
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return isJsonObject(value) ? value : undefined;
}

/** JSON spells infinity as a number too large to hold, 1e999. */
function secondsOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
