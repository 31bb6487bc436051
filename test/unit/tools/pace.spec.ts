import { slowdownSince } from '../../support/pace.js';

describe('the pace of this machine', () => {
  it('does not slow down because this process was blocked', () => {
    const from = performance.now();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    expect(slowdownSince(from)).toBeLessThan(6);
  });
});
