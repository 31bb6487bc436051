import type { Entry } from '../../../../lib/streams/entries/entry.js';
import { KeyOrdering } from '../../../../lib/streams/entries/key-ordering.js';
import { Placement } from '../../../../lib/streams/group/consumer-config.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { entryOf, numbersOf } from '../../../support/stream-entries.js';

type Answer = (entries: readonly Entry[], withOthers: boolean) => number[];

function start(answer: Answer, others: Entry[] = [], consumers = 1) {
  const clock = new ManualClock();
  const asked: { numbers: number[]; withOthers: boolean }[] = [];
  const ordered: number[] = [];
  let recoveries = 0;
  const group = {
    enqueueByKey: async (entries: readonly Entry[], withOthers: boolean) => {
      asked.push({ numbers: numbersOf(entries), withOthers });
      const placements = answer(entries, withOthers);
      return { placements, queuedByKey: 7, others: withOthers ? others : [], consumers };
    },
  };
  const ordering = new KeyOrdering(clock, group, {
    keyOf: ({ id }) => `key of ${id}`,
    ordered: (entries) => void ordered.push(...numbersOf(entries)),
    recoverUndelivered: async () => void recoveries++,
  });
  return { clock, ordering, asked, ordered, recoveries: () => recoveries };
}

describe('the order by key', () => {
  it('tells which entries are the first of their keys, and how many wait behind others', async () => {
    const { ordering, ordered } = start((entries) =>
      numbersOf(entries).map((n) => (n === 2 ? Placement.queued : Placement.first)),
    );
    await ordering.place([entryOf(3), entryOf(1), entryOf(2)]);
    expect([ordered, ordering.queuedByKey, ordering.unplaced]).toEqual([[1, 3], 7, []]);
  });

  it('tells them in smaller steps where the group has many consumers', async () => {
    const { ordering, asked } = start((entries) => entries.map(() => Placement.first), [], 101);
    await ordering.place(Array.from({ length: 450 }, (_, at) => entryOf(at + 1)));
    expect(asked.map(({ numbers }) => numbers.length)).toEqual([200, 100, 100, 50]);
  });

  it('tells keys in steps, the lowest ids first', async () => {
    const { ordering, asked } = start((entries) => entries.map(() => Placement.first));
    const entries = Array.from({ length: 450 }, (_, at) => entryOf(450 - at));
    await ordering.place(entries);
    expect(asked.map(({ numbers }) => [numbers[0], numbers.at(-1)])).toEqual([
      [1, 200],
      [201, 400],
      [401, 450],
    ]);
  });

  it('asks again after a moment, then tells the keys of others as well', async () => {
    const other = entryOf(1, { owner: 'another' });
    const { clock, ordering, asked, ordered } = start(
      (entries) => entries.map(() => (numbersOf(entries).includes(1) ? Placement.first : Placement.askAgain)),
      [other],
    );
    const placed = ordering.place([entryOf(5)]);
    await clock.advance(0);
    expect(numbersOf(ordering.unplaced)).toEqual([5]);
    await clock.advance(2);
    await placed;
    expect(asked).toEqual([
      { numbers: [5], withOthers: false },
      { numbers: [5], withOthers: true },
      { numbers: [1, 5], withOthers: false },
    ]);
    // The other's entry has its place; it runs where it was read.
    expect([ordered, other.key]).toEqual([[5], 'key of 1000-1']);
  });

  it('looks for entries that never arrived when it has waited for long', async () => {
    let isLost = true;
    const { clock, ordering, recoveries } = start((entries) =>
      entries.map(() => (isLost ? Placement.askAgain : Placement.first)),
    );
    const placed = ordering.place([entryOf(1)]);
    await clock.advance(125);
    expect(recoveries()).toBe(0);
    await clock.advance(100);
    expect(recoveries()).toBe(1);
    isLost = false;
    await clock.advance(200);
    await placed;
  });

  it('keeps what it could not ask for, and asks for it once with what comes next', async () => {
    let isFailing = true;
    const { ordering, asked, ordered } = start((entries) => {
      if (isFailing) throw new Error('no Redis');
      return entries.map(() => Placement.first);
    });
    await expect(ordering.place([entryOf(1), entryOf(2)])).rejects.toThrow('no Redis');
    expect(numbersOf(ordering.unplaced)).toEqual([1, 2]);
    isFailing = false;
    await ordering.place([entryOf(2), entryOf(3)]);
    expect([ordered, asked.at(-1)!.numbers]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });
});
