import { fnv1a } from '../../../lib/protocol/fnv1a.js';

describe('the FNV-1a hash', () => {
  // From the authors' own test vectors.
  it.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])('of %j', (text, hash) => expect(fnv1a(text)).toBe(hash));
});
