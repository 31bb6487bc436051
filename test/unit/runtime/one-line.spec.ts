import { oneLine } from '../../../lib/runtime/one-line.js';

describe('a text of a stranger in a line of the log', () => {
  it('stays on that line, and is readable', () => {
    expect(oneLine('no\n[Nest] 1 - LOG all is well\r\u001b[2K\u2028\u202e\ttext é€😀')).toBe(
      'no\\n[Nest] 1 - LOG all is well\\r\\u001b[2K\\u2028\\u202e\\ttext é€😀',
    );
  });

  it('hides nothing in it, and is as long as it may be', () => {
    expect(oneLine('a\u200bb\u{e0041}c\ud800d')).toBe('a\\u200bb\\u{e0041}c\\ud800d');
    expect(oneLine('x'.repeat(300), 100)).toBe(`${'x'.repeat(100)}…`);
  });
});
