import { HydraError } from '../../hydra-error.js';
import { createMessage, encodeMessage, type Stamp, type UmfMessage } from '../../protocol/message.js';
import {
  fromPayload,
  mustBePlain,
  notJson,
  stringify,
  toPayload,
  withinLimit,
} from '../../protocol/payload.js';
import { Kind, REPLY_SHARE } from '../../protocol/rpc.js';

/** The type of a UMF message that answers with an error. */
const ERROR_TYPE = 'error';
const REPLY_TYPE = 'reply';
/** Bytes of an error that is not measured by `maxPayloadBytes`. */
const SMALL_ERROR = 1_024;

type Metadata = Readonly<Record<string, string>>;

/** The members of a call that are sent. */
export interface SentCall {
  readonly id: number;
  readonly request: {
    readonly pattern: string;
    readonly data: unknown;
    readonly metadata: Metadata | undefined;
  };
}

/**
 * A call as an item of a frame.
 *
 * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`
 */
export function encodeCall(
  { id, request }: SentCall,
  timeoutMs: number,
  share: number,
  maxBytes: number,
): string {
  const { pattern, data, metadata } = request;
  return encode(pattern, data, maxBytes, (value, hasBytes) => {
    const bytes = hasBytes ? 1 : 0;
    if (share !== REPLY_SHARE)
      return [Kind.call, id, pattern, value, timeoutMs, metadata ?? null, bytes, share];
    if (hasBytes) return [Kind.call, id, pattern, value, timeoutMs, metadata ?? null, bytes];
    if (metadata) return [Kind.call, id, pattern, value, timeoutMs, metadata];
    return [Kind.call, id, pattern, value, timeoutMs];
  });
}

/** An event as an item of a frame. Throws as {@link encodeCall}. */
export function encodeEvent(
  id: number,
  pattern: string,
  data: unknown,
  metadata: Metadata | undefined,
  maxBytes: number,
): string {
  return encode(pattern, data, maxBytes, (value, hasBytes) => [
    Kind.event,
    id,
    pattern,
    value,
    metadata ?? null,
    hasBytes ? 1 : 0,
  ]);
}

/** Which answer a value belongs to, and how many values of it came before. */
export interface ReplyPlace {
  readonly id: number;
  readonly pattern: string;
  before: number;
}

/** A value of an answer as an item of a frame; more follows. Throws as {@link encodeCall}. */
export function encodeValue({ id, pattern, before }: ReplyPlace, value: unknown, maxBytes: number): string {
  return encode(`the reply to ${pattern}`, value, maxBytes, (data, hasBytes) => [
    Kind.value,
    id,
    before,
    data,
    hasBytes ? 1 : 0,
  ]);
}

/** The same item, saying how many bytes the answer has sent with it. */
export function withSent(value: string, sent: number): string {
  return `${value.slice(0, -1)},${sent}]`;
}

/** The completion of an answer with its last value. Throws as {@link encodeCall}. */
export function encodeLast({ id, pattern, before }: ReplyPlace, value: unknown, maxBytes: number): string {
  return encode(`the reply to ${pattern}`, value, maxBytes, (data, hasBytes) =>
    hasBytes ? [Kind.complete, id, before, data, 1] : [Kind.complete, id, before, data],
  );
}

/** The data as it was sent. */
export function decodeValue(data: unknown, hasBytes: unknown): unknown {
  return hasBytes === 1 ? fromPayload(data, (base64) => Buffer.from(base64, 'base64')) : data;
}

/**
 * An error as an item of a frame: a HydraError by its code, anything else as the handler's pipeline gave it. Never throws.
 *
 * @param before how many values of the answer come before it
 */
export function encodeError(
  kind: typeof Kind.error | typeof Kind.refusal,
  id: number,
  error: unknown,
  maxBytes: number,
  before = 0,
): string {
  return encodeFailure(error, maxBytes, (wire) =>
    JSON.stringify(before > 0 ? [kind, id, wire, before] : [kind, id, wire]),
  );
}

/** An error as the answer to a UMF message. Never throws. */
export function encodeErrorMessage(
  error: unknown,
  maxBytes: number,
  toMessage: (body: unknown) => UmfMessage,
): string {
  return encodeFailure(error, maxBytes, (wire) => encodeMessage(toMessage(wire)));
}

function encodeFailure(error: unknown, maxBytes: number, encodeWire: (wire: unknown) => string): string {
  // A small error is always sent: the error that names the limit must not exceed it.
  const limit = Math.max(maxBytes, SMALL_ERROR);
  try {
    return withinLimit('the error', encodeWire(wireOf(error)), limit);
  } catch (cause) {
    const isTooLarge = cause instanceof HydraError && cause.code === 'PAYLOAD_TOO_LARGE';
    return encodeWire(isTooLarge ? cause.begun() : failureOf('the error itself is not JSON data'));
  }
}

/** Falsy bodies cannot be sent as UMF; functions and symbols cannot be sent at all. */
function wireOf(error: unknown): unknown {
  if (error instanceof Error && !(error instanceof HydraError)) return failureOf(error.message);
  return typeof error === 'function' || typeof error === 'symbol' ? 'error' : error || 'error';
}

/** An error in Nest's shape. */
function failureOf(message: string): { readonly status: 'error'; readonly message: string } {
  return { status: 'error', message };
}

/** The error that the observer of a failed call gets: a HydraError, or the plain value that Nest's pipeline made. */
export function errorOf(wire: unknown): unknown {
  return HydraError.fromJSON(wire) ?? wire;
}

/** A call or an event for a Hydra 1.x instance. Throws as {@link encodeCall}. */
export function encodeRequestMessage(
  to: string,
  from: string,
  {
    pattern,
    data,
    metadata,
  }: { readonly pattern: string; readonly data: unknown; readonly metadata: Metadata | undefined },
  stamp: Stamp,
  maxBytes: number,
): string {
  const message = createMessage({ to, from, type: pattern, body: data, headers: metadata }, stamp);
  return encodeSized(pattern, message, maxBytes);
}

/** The answer to a UMF message. Throws as {@link encodeCall}. */
export function encodeReplyMessage(pattern: string, message: UmfMessage, maxBytes: number): string {
  return encodeSized(`the reply to ${pattern}`, message, maxBytes);
}

function encodeSized(what: string, message: UmfMessage, maxBytes: number): string {
  const where = `the data of "${what}"`;
  // Bytes are marked between our own instances only.
  mustBePlain(message.body, where);
  let text: string;
  try {
    text = encodeMessage(message);
  } catch (cause) {
    throw notJson(where, cause);
  }
  return withinLimit(what, text, maxBytes);
}

/** Body and type of the answer to a UMF message. */
export function replyFields(value: unknown): { readonly type: string; readonly body: unknown } {
  return { type: REPLY_TYPE, body: value };
}

export function errorFields(error: unknown): { readonly type: string; readonly body: unknown } {
  return { type: ERROR_TYPE, body: error };
}

/** The content of a UMF answer. */
export function replyOf(message: UmfMessage): { readonly value?: unknown; readonly error?: unknown } {
  return message.type === ERROR_TYPE ? { error: errorOf(message.body) ?? 'error' } : { value: message.body };
}

function encode(
  what: string,
  data: unknown,
  maxBytes: number,
  toItem: (data: unknown, hasBytes: boolean) => readonly unknown[],
): string {
  const where = `the data of "${what}"`;
  const { data: sent, hasBytes } = toPayload(data, where);
  const item = hasBytes ? toItem(sent, true) : toItem(data, false);
  return withinLimit(what, stringify(where, item, data), maxBytes);
}
