import { HydraError } from '../hydra.error.js';
import { createMessage, encodeMessage, type Stamp, type UmfMessage } from '../protocol/message.js';
import { fromPayload, stringify, toPayload } from '../protocol/payload.js';
import { Kind } from '../protocol/rpc.js';

/** The type of a UMF message that answers with an error. */
const ERROR_TYPE = 'error';
const REPLY_TYPE = 'reply';

type Metadata = Readonly<Record<string, string>>;

/**
 * A call as an item of a frame.
 *
 * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`
 */
export function encodeCall(
  id: number,
  pattern: string,
  data: unknown,
  timeoutMs: number,
  metadata: Metadata | undefined,
  maxBytes: number,
): string {
  return encode(pattern, data, maxBytes, (value, hasBytes) =>
    hasBytes
      ? [Kind.call, id, pattern, value, timeoutMs, metadata ?? null, 1]
      : metadata
        ? [Kind.call, id, pattern, value, timeoutMs, metadata]
        : [Kind.call, id, pattern, value, timeoutMs],
  );
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

/** A value of an answer as an item of a frame. Throws as {@link encodeCall}. */
export function encodeValue(
  kind: typeof Kind.value | typeof Kind.complete,
  id: number,
  pattern: string,
  value: unknown,
  maxBytes: number,
): string {
  return encode(`the reply to ${pattern}`, value, maxBytes, (data, hasBytes) =>
    hasBytes ? [kind, id, data, 1] : [kind, id, data],
  );
}

/** Data as it was before it travelled. */
export function decodeValue(data: unknown, hasBytes: unknown): unknown {
  return hasBytes === 1 ? fromPayload(data, (base64) => Buffer.from(base64, 'base64')) : data;
}

/** An error as it travels: a HydraError by its code, anything else as the handler's pipeline gave it. */
export function encodeError(id: number, error: unknown): string {
  const wire =
    error instanceof Error && !(error instanceof HydraError)
      ? { status: 'error', message: error.message }
      : error;
  try {
    return JSON.stringify([Kind.error, id, wire ?? 'error']);
  } catch {
    return JSON.stringify([
      Kind.error,
      id,
      { status: 'error', message: 'the error itself is not JSON data' },
    ]);
  }
}

/** What a failed call's observer is given: a HydraError again, or the plain value that Nest's pipeline made. */
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
  stringify(`the data of "${pattern}"`, data);
  const message = createMessage({ to, from, type: pattern, body: data, headers: metadata }, stamp);
  return checkSize(pattern, encodeMessage(message), maxBytes);
}

/** Body and type of the answer to a UMF message. */
export function replyFields(value: unknown): { readonly type: string; readonly body: unknown } {
  return { type: REPLY_TYPE, body: value };
}

export function errorFields(error: unknown): { readonly type: string; readonly body: unknown } {
  return { type: ERROR_TYPE, body: error ?? 'error' };
}

/** What a UMF answer says. */
export function replyOf(message: UmfMessage): { readonly value?: unknown; readonly error?: unknown } {
  return message.type === ERROR_TYPE ? { error: errorOf(message.body) ?? 'error' } : { value: message.body };
}

function encode(
  what: string,
  data: unknown,
  maxBytes: number,
  toItem: (data: unknown, hasBytes: boolean) => readonly unknown[],
): string {
  const text = stringify(`the data of "${what}"`, toItem(data, false));
  // Only now that it is known to be free of cycles can the data be walked.
  const payload = toPayload(data);
  return checkSize(what, payload.hasBytes ? JSON.stringify(toItem(payload.data, true)) : text, maxBytes);
}

function checkSize(what: string, text: string, maxBytes: number): string {
  // A character is at most three bytes of UTF-8: most messages need no counting.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return text;
  throw new HydraError(
    'PAYLOAD_TOO_LARGE',
    `"${what}" has ${bytes} bytes, more than maxPayloadBytes=${maxBytes}`,
  );
}
