import { oneLine } from '../../../lib/runtime/one-line.js';

describe('a text of a stranger in a line of the log', () => {
  it('stays on that line, and is readable', () => {
    expect(oneLine('no\n[Nest] 1 - LOG all is well\r\u001b[2K\u2028\u202e\ttext é€😀')).toBe(
      'no\\n[Nest] 1 - LOG all is well\\r\\u001b[2K\\u2028\\u202e\\ttext é€😀',
    );
  });
});
