import { SeenCalls } from '../../../../lib/transport/incoming/seen-calls.js';

describe('the calls seen of one caller', () => {
  it('are each new once', () => {
    const seen = new SeenCalls();
    expect([seen.add(1), seen.add(2), seen.add(1)]).toEqual([true, true, false]);
    expect([seen.isUnknown(2), seen.isUnknown(3)]).toEqual([false, true]);
  });

  it('may come again after they were refused', () => {
    const seen = new SeenCalls();
    seen.add(1);
    seen.delete(1);
    expect(seen.isUnknown(1)).toBe(true);
    expect(seen.add(1)).toBe(true);
  });

  it('are remembered for a hundred thousand more, and what is forgotten is never called unknown', () => {
    const seen = new SeenCalls();
    const newAmong = (first: number, last: number) => {
      let count = 0;
      for (let id = first; id <= last; id++) if (seen.add(id)) count++;
      return count;
    };
    expect(newAmong(1, 300_000)).toBe(300_000);
    expect(newAmong(200_001, 300_000)).toBe(0);
    expect(seen.isUnknown(1)).toBe(false);
    expect(seen.isUnknown(300_001)).toBe(true);
  });

  it('may leave out numbers, which stay unknown, and come in any order', () => {
    const seen = new SeenCalls();
    const come = [5, 70, 69, 1_000_000, 999_999, 950_000];
    expect(come.map((id) => seen.add(id))).toEqual(come.map(() => true));
    expect(come.slice(3).map((id) => seen.add(id))).toEqual([false, false, false]);
    expect([950_001, 999_998, 1_000_001].map((id) => seen.isUnknown(id))).toEqual([true, true, true]);
  });

  it('stand the largest number there is', () => {
    const seen = new SeenCalls();
    seen.add(1);
    expect([seen.add(Number.MAX_SAFE_INTEGER), seen.add(Number.MAX_SAFE_INTEGER)]).toEqual([true, false]);
    expect(seen.add(Number.MAX_SAFE_INTEGER - 1)).toBe(true);
  });
});
