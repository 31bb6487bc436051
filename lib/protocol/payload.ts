import { HydraError } from '../hydra-error.js';
import { BYTES, isBytes, MarkedCopy, plainOf, tagOf } from './marked-copy.js';

/** A value as it is sent: JSON text would lose bytes, so they are marked, and the message says whether there are any. */
export interface Payload {
  readonly data: unknown;
  readonly hasBytes: boolean;
}

/**
 * Prepares a value for JSON: `Buffer` and `Uint8Array` survive, `Date` becomes its ISO text, a member that is undefined is
 * left out, an instance of a class becomes its own members. Whatever else JSON would turn into something else is refused.
 *
 * @param what the data, for messages
 * @throws HydraError `BAD_PAYLOAD` naming the path: for `Map`, `Blob`, `Float32Array` and the like, NaN, Infinity, a
 *   function, a symbol, a BigInt, undefined in a list, a cycle; for nesting too deep for this walk
 */
export function toPayload(data: unknown, what = 'the data'): Payload {
  try {
    return isSurelyPlain(data) ? { data, hasBytes: false } : replaceBytes(data, what);
  } catch (cause) {
    throw cause instanceof HydraError ? cause : notJson(what, cause);
  }
}

/**
 * For formats that cannot carry bytes.
 *
 * @throws HydraError `BAD_PAYLOAD` as {@link toPayload}, and for bytes
 */
export function mustBePlain(data: unknown, what: string): void {
  if (!toPayload(data, what).hasBytes) return;
  throw new HydraError('BAD_PAYLOAD', `${what} holds bytes, which it cannot carry: send them as base64`);
}

/**
 * The inverse of {@link toPayload}, in place: bytes come back as `Buffer`s made by the caller.
 *
 * No recursion: JSON.parse knows no depth, so that deeply nested foreign data would overflow the stack.
 */
export function fromPayload(data: unknown, toBuffer: (base64: string) => unknown): unknown {
  const root: Record<string, unknown> = { data };
  const holders = [root];
  for (let holder = holders.pop(); holder; holder = holders.pop()) {
    for (const [key, value] of Object.entries(holder)) {
      if (typeof value !== 'object' || value === null) continue;
      const base64 = (value as Record<string, unknown>)[BYTES];
      if (typeof base64 === 'string') holder[key] = toBuffer(base64);
      else holders.push(value as Record<string, unknown>);
    }
  }
  return root['data'];
}

/**
 * `JSON.stringify` with errors in hydra's words.
 *
 * @param data the part of the value that a user gave
 * @throws HydraError `BAD_PAYLOAD` for a BigInt, a cycle, or nesting too deep for the stack
 */
export function stringify(what: string, value: unknown, data = value): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    // Says where it is, if it can be found.
    toPayload(data, what);
    throw notJson(what, cause);
  }
}

/** `BAD_PAYLOAD`, whatever it was that turning a value into JSON threw: a `toJSON` may throw anything. */
export function notJson(what: string, cause: unknown): HydraError {
  const reason = cause instanceof Error ? cause.message.split('\n')[0] : 'its toJSON or a getter threw';
  return new HydraError('BAD_PAYLOAD', `${what} is not JSON data: ${reason}`, { cause });
}

/** Deeper data is left to the slower walk, which sees a cycle at once: this one would go round until the stack is full. */
const QUICK_DEPTH = 64;

/** Whether it is, as far as can be said quickly; a getter or a toJSON may throw. */
function isSurelyPlain(data: unknown): boolean {
  try {
    return isPlain(data);
  } catch {
    return false;
  }
}

/** Whether JSON has a word for all of it. Nearly all data is: this look must be quick, and need not be sure where it says no. */
function isPlain(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      if (value === null) return true;
      if (depth > QUICK_DEPTH) return false;
      return Array.isArray(value) ? isPlainList(value, depth + 1) : isPlainObject(value, depth + 1);
    default:
      return false;
  }
}

function isPlainList(values: readonly unknown[], depth: number): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    // Long lists of numbers are common.
    if (typeof value === 'number' ? !Number.isFinite(value) : value === undefined || !isPlain(value, depth)) {
      return false;
    }
  }
  return true;
}

function isPlainObject(value: object, depth: number): boolean {
  // Before its toJSON, which makes a text.
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return !isBytes(value) && isPlain(plainOf(value), depth);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && tagOf(value) !== 'Object') return false;
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    // Most members are texts.
    if (typeof member !== 'string' && !isPlain(member, depth)) return false;
  }
  return true;
}

/** A copy in which bytes are marked; of everything in it, it is known that it can travel. */
function replaceBytes(data: unknown, what: string): Payload {
  const copy = new MarkedCopy(what);
  return { data: copy.of(data), hasBytes: copy.hasBytes };
}

/**
 * A text to be sent, unless it is too large.
 *
 * @param what names it in the message: `a job "resize"`
 * @throws HydraError `PAYLOAD_TOO_LARGE`
 */
export function withinLimit(what: string, text: string, maxBytes: number): string {
  // A character is at most three bytes of UTF-8: most texts need no counting.
  if (text.length * 3 > maxBytes) refuseTooLarge(what, Buffer.byteLength(text), maxBytes);
  return text;
}

/** @throws HydraError `PAYLOAD_TOO_LARGE` above `maxBytes` */
export function refuseTooLarge(what: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new HydraError(
    'PAYLOAD_TOO_LARGE',
    `${what} has ${bytes} bytes, more than maxPayloadBytes=${maxBytes}`,
  );
}
