/**
 * The numbers of the frames that one sender sent on one channel. A number that is missing between two is a gap: a frame
 * was lost.
 */
export class FrameSeries {
  private last: number | undefined;

  /** @param isUnderWay frames may have come before this record of them was begun */
  constructor(isUnderWay = false) {
    this.last = isUnderWay ? undefined : 0;
  }

  /** True when frames before this one were lost. */
  hasGapBefore(seq: number): boolean {
    const { last } = this;
    // 0 belongs to no series. A late frame was already counted as lost, except the first one of a new series.
    if (seq === 0 || (last !== undefined && seq <= last && seq > 1)) return false;
    this.last = seq;
    return seq > 1 && last !== undefined && seq > last + 1;
  }
}
