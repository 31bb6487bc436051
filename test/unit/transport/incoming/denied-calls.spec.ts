import { DeniedCalls } from '../../../../lib/transport/incoming/denied-calls.js';

const MOST = 10_000;

describe('calls that were said never to have come', () => {
  it('are known by their caller and number', () => {
    const denied = new DeniedCalls();
    denied.add('a', 1);
    denied.add('a', 1);
    expect([denied.has('a', 1), denied.has('a', 2), denied.has('b', 1)]).toEqual([true, false, false]);
  });

  it('are forgotten when ten thousand others came after them', () => {
    const denied = new DeniedCalls();
    denied.add('a', 1);
    for (let id = 1; id < MOST; id++) denied.add('b', id);
    expect(denied.has('a', 1)).toBe(true);
    denied.add('b', MOST);
    expect([denied.has('a', 1), denied.has('b', 1), denied.has('b', MOST)]).toEqual([false, true, true]);
  });
});
