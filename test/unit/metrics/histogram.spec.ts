import { DURATION_BOUNDS_MS, Histogram, quantile } from '../../../lib/metrics/histogram.js';

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
describe('a quantile', () => {
  const bounds = [1, 10, 100];

  it('is estimated between the bounds that it lies between', () => {
    expect(quantile([0, 100, 0, 0], 0.5, bounds)).toBeCloseTo(5.5);
    expect(quantile([50, 50, 0, 0], 0.5, bounds)).toBe(1);
    expect(quantile([99, 0, 1, 0], 0.99, bounds)).toBe(1);
    expect(quantile([90, 0, 10, 0], 0.95, bounds)).toBeCloseTo(55);
  });

  it('is the last bound where it lies above, and undefined without values', () => {
    expect(quantile([0, 0, 0, 3], 0.5, bounds)).toBe(100);
    expect(quantile([0, 0, 0, 0], 0.5, bounds)).toBeUndefined();
  });
});
