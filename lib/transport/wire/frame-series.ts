/** The numbers of the frames that one sender sent on one channel: what is missing between two was lost on the way. */
export class FrameSeries {
  private last: number | undefined;

  /** @param isUnderWay frames may have come before this record of them was begun */
  constructor(isUnderWay = false) {
    this.last = isUnderWay ? undefined : 0;
  }

  /** True when frames before this one were lost. */
  hasGapBefore(seq: number): boolean {
    const { last } = this;
    // 0 is outside of every series. What comes late was missed already, but for the first of a series that begins anew.
    if (seq === 0 || (last !== undefined && seq <= last && seq > 1)) return false;
    this.last = seq;
    return seq > 1 && last !== undefined && seq > last + 1;
  }
}
