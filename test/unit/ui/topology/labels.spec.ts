import { labelHeights } from '../../../../ui/topology/labels.js';

describe('the heights of labels', () => {
  it('are those that are wanted, where these are free', () => {
    const wanted = [
      { column: 0, y: 20 },
      { column: 0, y: 50 },
      { column: 1, y: 20 },
    ];
    expect(labelHeights(wanted, 14)).toEqual([20, 50, 20]);
  });

  it('are a line from each other, as near as can be, and none above the first line', () => {
    const wanted = Array.from({ length: 30 }, () => ({ column: 0, y: 30 }));
    const heights = labelHeights(wanted, 14).toSorted((a, b) => a - b);
    expect(heights[0]).toBeGreaterThanOrEqual(14);
    expect(heights.slice(1).filter((y, index) => y - heights[index]! < 14)).toEqual([]);
    expect(heights.at(-1)! - heights[0]!).toBeLessThanOrEqual(30 * 14 + 2);
  });
});
