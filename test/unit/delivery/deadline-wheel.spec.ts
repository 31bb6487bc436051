import { DeadlineWheel, WithDeadline } from '../../../lib/delivery/deadline-wheel.js';
import { ManualClock } from '../../support/manual-clock.js';

let clock: ManualClock;

class Item extends WithDeadline {
  readonly deadlineAt: number;
  constructor(afterMs: number) {
    super();
    this.deadlineAt = clock.monotonic() + afterMs;
  }
}

describe('deadlines', () => {
  let expired: Item[];
  let deadlines: DeadlineWheel<Item>;
  beforeEach(() => {
    clock = new ManualClock();
    expired = [];
    deadlines = new DeadlineWheel<Item>(clock, (item) => expired.push(item));
  });

  const add = (afterMs: number) => {
    const item = new Item(afterMs);
    deadlines.add(item);
    return item;
  };

  it('are noticed in their order, never early, and within two ticks', async () => {
    const items = [300, 100, 200, 100].map(add);
    await clock.advance(99);
    expect(expired).toEqual([]);
    await clock.advance(23);
    expect(new Set(expired)).toEqual(new Set([items[1], items[3]]));
    await clock.advance(200);
    expect(expired.slice(2)).toEqual([items[2], items[0]]);
  });

  it('are not noticed for what was taken out, from any place in its tick', async () => {
    const items = [50, 50, 50, 50].map(add);
    for (const index of [3, 0, 1]) deadlines.remove(items[index]!);
    deadlines.remove(items[0]!);
    await clock.advance(200);
    expect(expired).toEqual([items[2]]);
  });

  it('start again after a rest, and keep no timer while there is none', async () => {
    add(20);
    await clock.advance(200);
    expect(clock.timerCount).toBe(0);
    await clock.advance(5_000);
    add(20);
    await clock.advance(60);
    expect(expired).toHaveLength(2);
  });

  it('that have passed already are noticed at once, also as the first after a rest', async () => {
    await clock.advance(5_000);
    add(-500);
    await clock.advance(30);
    expect(expired).toHaveLength(1);
  });

  it('may be added and taken out while one is noticed', async () => {
    const pair = [new Item(40), new Item(40)];
    deadlines = new DeadlineWheel<Item>(clock, (item) => {
      expired.push(item);
      for (const other of pair) deadlines.remove(other);
      if (expired.length < 3) add(10);
    });
    for (const item of pair) deadlines.add(item);
    await clock.advance(500);
    expect(pair.filter((item) => expired.includes(item))).toHaveLength(1);
    expect(expired).toHaveLength(3);
  });
});
