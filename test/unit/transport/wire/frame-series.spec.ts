import { FrameSeries } from '../../../../lib/transport/wire/frame-series.js';

/** At which of these frames something is missing. */
function gapsIn(numbers: readonly number[], isUnderWay = false): number[] {
  const series = new FrameSeries(isUnderWay);
  return numbers.filter((seq) => series.hasGapBefore(seq));
}

describe('the frames of one sender on one channel', () => {
  it('are all there while their numbers rise by one', () => expect(gapsIn([1, 2, 3, 4])).toEqual([]));

  it('have a gap before the one that comes after a lost one, also after the very first', () => {
    expect(gapsIn([1, 3, 4, 9, 10])).toEqual([3, 9]);
    expect(gapsIn([2, 3])).toEqual([2]);
  });

  it('have a gap once, although the late one comes after all', () => {
    expect(gapsIn([1, 3, 2, 4, 3, 5])).toEqual([3]);
  });

  it('begin anew with 1', () => expect(gapsIn([1, 2, 3, 1, 2, 4])).toEqual([4]));

  it('have no gap at the first one that is heard of a series under way', () => {
    expect(gapsIn([7, 8, 10], true)).toEqual([10]);
  });

  it('are not counted where they have no number', () => expect(gapsIn([1, 0, 2, 0])).toEqual([]));
});
