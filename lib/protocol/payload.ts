import { HydraError } from '../hydra.error.js';

/** How bytes travel inside JSON. Only messages that say they hold some are searched for it. */
const BYTES = '$hydra:bytes';

/** A value as it travels: JSON text would lose bytes, so they are marked, and the message says that there are some. */
export interface Payload {
  readonly data: unknown;
  readonly hasBytes: boolean;
}

/**
 * Prepares a value for JSON: `Buffer` and `Uint8Array` survive; `Date` becomes its ISO text, as JSON has it.
 *
 * @throws HydraError `BAD_PAYLOAD` for `Map` and `Set`, which JSON would turn into `{}`, and for nesting too deep for this
 *   walk. BigInt and cycles are refused by {@link stringify}, which must have been passed before.
 */
export function toPayload(data: unknown): Payload {
  try {
    return needsCare(data) ? { data: replaceBytes(data), hasBytes: true } : { data, hasBytes: false };
  } catch (cause) {
    throw cause instanceof HydraError ? cause : notJson('the data', cause);
  }
}

/**
 * The inverse of {@link toPayload}, in place: bytes come back as `Buffer`s made by the caller.
 *
 * No recursion: JSON.parse knows no depth, so that what a stranger nested would overflow the stack.
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
 * @throws HydraError `BAD_PAYLOAD` for a BigInt, a cycle, or nesting too deep for the stack
 */
export function stringify(what: string, value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw notJson(what, cause);
  }
}

/** `BAD_PAYLOAD`, whatever it was that turning a value into JSON threw: a `toJSON` may throw anything. */
export function notJson(what: string, cause: unknown): HydraError {
  const reason = cause instanceof Error ? cause.message.split('\n')[0] : 'its toJSON or a getter threw';
  return new HydraError('BAD_PAYLOAD', `${what} is not JSON data: ${reason}`, { cause });
}

function needsCare(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value))
    return typeof value[0] === 'number' && isNumeric(value) ? false : value.some(needsCare);
  if (value instanceof Uint8Array) return true;
  if (value instanceof Map || value instanceof Set) throw unsupported(value);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false;
  for (const key in value) if (needsCare((value as Record<string, unknown>)[key])) return true;
  return false;
}

/** Long lists of numbers are common, and need no look at each for more than its type. */
function isNumeric(values: readonly unknown[]): boolean {
  for (const value of values) if (typeof value !== 'number') return false;
  return true;
}

function replaceBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(replaceBytes);
  if (value instanceof Uint8Array) {
    return { [BYTES]: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  }
  if (value instanceof Map || value instanceof Set) throw unsupported(value);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, replaceBytes(member)]));
}

function unsupported(value: object): HydraError {
  return new HydraError(
    'BAD_PAYLOAD',
    `a ${value.constructor.name} is not JSON data: send its entries as an array`,
  );
}
