import { decodeMessage, encodeMessage } from './message.js';
import type { UmfMessage } from './message.js';

/** One element of a work queue. */
export interface Job {
  /** The element's text as Redis holds it. Hydra removes by exact text, so this, and nothing re-encoded, removes it. */
  readonly raw: string;
  readonly message: UmfMessage;
}

/**
 * The element for a queue: the short form of the message.
 *
 * A Hydra 1.x consumer removes it by `JSON.stringify(JSON.parse(element))`; the text given here is equal to that.
 *
 * @throws TypeError or RangeError when the body is not JSON data (a bigint, a cycle, nested too deep)
 */
export function encodeJob(message: UmfMessage): string {
  return encodeMessage(message);
}

/** Returns undefined when the element is not a JSON object; never throws. */
export function decodeJob(raw: string): Job | undefined {
  const message = decodeMessage(raw);
  return message && { raw, message };
}

/**
 * True when a Hydra 1.x consumer could remove the element: parsing and writing it again gives the same text.
 *
 * @internal
 */
export function isCanonical(raw: string): boolean {
  try {
    return JSON.stringify(JSON.parse(raw)) === raw;
  } catch {
    return false;
  }
}
