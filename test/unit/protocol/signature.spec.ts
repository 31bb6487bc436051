import { describe, expect, it } from '@jest/globals';
import { createMessage, decodeMessage, encodeMessage } from '../../../lib/protocol/message.js';
import { signMessage, verifyMessage } from '../../../lib/protocol/signature.js';
import { vectors } from './vectors.js';

interface SignatureVector {
  algorithm: string;
  secret: string;
  unsigned: string;
  signature: string;
  short: string;
}

const message = createMessage({ to: 'a:/', from: 'b:/', body: { x: 1 } }, { mid: 'm', timestamp: 't' });

describe('a signature', () => {
  it.each(vectors<SignatureVector[]>('signature'))(
    'is the one hydra gives and survives the short form: $algorithm, $secret',
    ({ algorithm, secret, unsigned, signature, short }) => {
      const original = decodeMessage(unsigned);
      const signed = original && signMessage(original, secret, algorithm);
      expect(signed?.signature).toBe(signature);
      expect(signed && encodeMessage(signed)).toBe(short);

      const arrived = decodeMessage(short);
      expect(arrived && verifyMessage(arrived, secret, algorithm)).toBe(true);
    },
  );

  it('replaces an older one and leaves the given message alone', () => {
    const signed = signMessage(message, 'secret');
    expect(signMessage(signed, 'secret')).toEqual(signed);
    expect(message).not.toHaveProperty('signature');
  });

  it('is false for another secret, another body, or a changed, longer, shorter or missing signature', () => {
    const signed = signMessage(message, 'secret');
    const signature = signed.signature ?? '';
    expect(verifyMessage(signed, 'secret')).toBe(true);
    expect(verifyMessage(signed, 'other')).toBe(false);
    expect(verifyMessage({ ...signed, body: { x: 2 } }, 'secret')).toBe(false);
    expect(verifyMessage(message, 'secret')).toBe(false);
    for (const wrong of [
      `${signature}00`,
      `${signature}zz`,
      signature.slice(2),
      signature.toUpperCase(),
      'é',
    ]) {
      expect(verifyMessage({ ...signed, signature: wrong }, 'secret')).toBe(false);
    }
  });

  it('is false for a body nested too deep to write', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const arrived = decodeMessage(`{"to":"a:/","sig":"00","bdy":${deep}}`);
    expect(arrived && verifyMessage(arrived, 'secret')).toBe(false);
  });

  it('refuses a digest that does not exist', () => {
    expect(() => signMessage(message, 'secret', 'none')).toThrow(/digest/i);
  });
});
