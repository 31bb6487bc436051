import { Limiter } from '../../../lib/delivery/limiter.js';

function limited(maxRunning: number, maxWaiting: number) {
  const ran: string[] = [];
  return { ran, limiter: new Limiter<string>(maxRunning, maxWaiting, (item) => void ran.push(item)) };
}

describe('a limiter', () => {
  it('runs all at once where there is no limit', () => {
    const { ran, limiter } = limited(0, 0);
    expect(['a', 'b', 'c'].map((item) => limiter.enter(item))).toEqual([true, true, true]);
    expect(ran).toEqual(['a', 'b', 'c']);
    expect(limiter.inFlight).toBe(3);
  });

  it('lets the next in line run when one leaves, in order', () => {
    const { ran, limiter } = limited(1, 2);
    expect(['a', 'b', 'c', 'd'].map((item) => limiter.enter(item))).toEqual([true, true, true, false]);
    expect(ran).toEqual(['a']);
    limiter.leave();
    limiter.leave();
    expect(ran).toEqual(['a', 'b', 'c']);
    expect([limiter.inFlight, limiter.waitingCount]).toEqual([1, 0]);
    limiter.leave();
    expect(limiter.inFlight).toBe(0);
  });

  it('forgets who leaves the line', () => {
    const { ran, limiter } = limited(1, 5);
    for (const item of ['a', 'b', 'c']) limiter.enter(item);
    expect([limiter.withdraw('b'), limiter.withdraw('b'), limiter.withdraw('a')]).toEqual([
      true,
      false,
      false,
    ]);
    limiter.leave();
    expect(ran).toEqual(['a', 'c']);
  });
});
