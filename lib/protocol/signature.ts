import { createHmac, timingSafeEqual } from 'node:crypto';
import { encodeLongMessage } from './message.js';
import type { UmfMessage } from './message.js';

/**
 * Returns the message with its signature: the hex HMAC of its long form without the signature, as in hydra 1.9.3.
 * Sending the short form keeps it valid, since the receiver rebuilds the long one.
 *
 * @param algorithm - a digest of Node's `crypto`; hydra-router uses `sha256`
 * @throws Error when `algorithm` is unknown
 */
export function signMessage(message: UmfMessage, secret: string, algorithm = 'sha256'): UmfMessage {
  return { ...message, signature: hmac(unsignedText(message), secret, algorithm) };
}

/**
 * True when the message carries the signature that {@link signMessage} would give it. Takes the same time wherever
 * the two differ.
 *
 * @throws Error when `algorithm` is unknown
 */
export function verifyMessage(message: UmfMessage, secret: string, algorithm = 'sha256'): boolean {
  const text = writableText(message);
  if (text === undefined) return false;
  // Compared as text: decoding the hex would forgive anything written after it.
  const expected = Buffer.from(hmac(text, secret, algorithm));
  const given = Buffer.from(message.signature ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Undefined for a body nested deeper than can be written: JSON.parse accepts what JSON.stringify does not. */
function writableText(message: UmfMessage): string | undefined {
  try {
    return unsignedText(message);
  } catch {
    return undefined;
  }
}

function unsignedText(message: UmfMessage): string {
  const { signature: _signature, ...unsigned } = message;
  return encodeLongMessage(unsigned);
}

function hmac(text: string, secret: string, algorithm: string): string {
  return createHmac(algorithm, secret).update(text).digest('hex');
}
