import { DURATION_BOUNDS_MS, Histogram } from '../../../lib/metrics/histogram.js';

describe('a histogram', () => {
  it('counts a value at the first bound that it does not exceed, and what exceeds all behind the last', () => {
    const histogram = new Histogram([1, 10]);
    for (const value of [0, 1, 1.01, 10, 11]) histogram.record(value);
    expect([...histogram.counts]).toEqual([2, 2, 1]);
    expect(histogram.count).toBe(5);
    expect(histogram.sum).toBeCloseTo(23.01);
  });

  it('has bounds in order, which are the same in every process', () => {
    expect(DURATION_BOUNDS_MS).toEqual(DURATION_BOUNDS_MS.toSorted((a, b) => a - b));
    expect(new Histogram().bounds).toBe(DURATION_BOUNDS_MS);
  });
});
