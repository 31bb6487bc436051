import { jest } from '@jest/globals';

import { Deadlines, Timed } from '../../../lib/delivery/deadline-wheel.js';

class Item extends Timed {
  readonly deadlineAt: number;
  constructor(afterMs: number) {
    super();
    this.deadlineAt = performance.now() + afterMs;
  }
}

describe('deadlines', () => {
  let expired: Item[];
  let deadlines: Deadlines<Item>;
  beforeEach(() => {
    jest.useFakeTimers({ now: 5_000 });
    expired = [];
    deadlines = new Deadlines<Item>((item) => expired.push(item));
  });
  afterEach(() => jest.useRealTimers());

  const add = (afterMs: number) => {
    const item = new Item(afterMs);
    deadlines.add(item);
    return item;
  };

  it('are noticed in their order, never early, and within two ticks', () => {
    const items = [300, 100, 200, 100].map(add);
    jest.advanceTimersByTime(99);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(23);
    expect(new Set(expired)).toEqual(new Set([items[1], items[3]]));
    jest.advanceTimersByTime(200);
    expect(expired.slice(2)).toEqual([items[2], items[0]]);
  });

  it('are not noticed for what was taken out, from any place in its tick', () => {
    const items = [50, 50, 50, 50].map(add);
    for (const index of [3, 0, 1]) deadlines.remove(items[index]!);
    deadlines.remove(items[0]!);
    jest.advanceTimersByTime(200);
    expect(expired).toEqual([items[2]]);
  });

  it('start again after a rest, and keep no timer while there is none', () => {
    add(20);
    jest.advanceTimersByTime(200);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(5_000);
    add(20);
    jest.advanceTimersByTime(60);
    expect(expired).toHaveLength(2);
  });

  it('that have passed already are noticed at once, also as the first after a rest', () => {
    jest.advanceTimersByTime(5_000);
    add(-500);
    jest.advanceTimersByTime(30);
    expect(expired).toHaveLength(1);
  });

  it('may be added and taken out while one is noticed', () => {
    const pair = [new Item(40), new Item(40)];
    deadlines = new Deadlines<Item>((item) => {
      expired.push(item);
      for (const other of pair) deadlines.remove(other);
      if (expired.length < 3) add(10);
    });
    for (const item of pair) deadlines.add(item);
    jest.advanceTimersByTime(500);
    expect(pair.filter((item) => expired.includes(item))).toHaveLength(1);
    expect(expired).toHaveLength(3);
  });
});
