import { backoffMs } from '../../../lib/runtime/backoff.js';
import { systemRandom } from '../../../lib/runtime/random-source.js';

const backoff = { minMs: 100, maxMs: 1_000 };
const drawing = (float: number) => ({ ...systemRandom, float: () => float });

describe('a backoff', () => {
  it.each([
    [1, 100],
    [2, 200],
    [4, 800],
    [5, 1_000],
    [5_000, 1_000],
  ])('after %i failures waits between half and the whole of %i ms', (failures, whole) => {
    expect(backoffMs(backoff, failures, drawing(0))).toBe(whole / 2);
    expect(backoffMs(backoff, failures, drawing(1))).toBe(whole);
  });
});
