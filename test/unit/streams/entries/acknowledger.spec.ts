import { Acknowledger } from '../../../../lib/streams/entries/acknowledger.js';
import type { Entry } from '../../../../lib/streams/entries/entry.js';
import type { ConsumerConfig } from '../../../../lib/streams/group/consumer-config.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { entryOf, numbersOf } from '../../../support/stream-entries.js';

function start(isOrdered = false) {
  const clock = new ManualClock();
  const [asked, confirmed]: number[][][] = [[], []];
  let failures = 0;
  const state = { failing: 0, failures: () => failures };
  const group = {
    config: { isOrdered } as ConsumerConfig,
    acknowledge: async (entries: readonly Entry[]) => {
      asked!.push(numbersOf(entries));
      if (state.failing-- > 0) throw new Error('no Redis');
      return { refused: 0, successors: [] };
    },
  };
  const acknowledger = new Acknowledger(clock, group, {
    acknowledged: (entries) => void confirmed!.push(numbersOf(entries)),
    acknowledgeFailed: () => void failures++,
  });
  return { clock, acknowledger, asked, confirmed, state };
}

describe('the acknowledger', () => {
  it('acknowledges in one command what ends in one tick', async () => {
    const { clock, acknowledger, asked, confirmed } = start();
    for (const n of [1, 2, 3]) acknowledger.add(entryOf(n));
    expect(asked).toEqual([]);
    await clock.advance(0);
    expect([asked, confirmed]).toEqual([[[1, 2, 3]], [[1, 2, 3]]]);
  });

  it('repeats what Redis did not confirm, with what ended meanwhile, until it does', async () => {
    const { clock, acknowledger, asked, confirmed, state } = start();
    state.failing = 2;
    acknowledger.add(entryOf(1));
    await clock.advance(50);
    acknowledger.add(entryOf(2));
    let isIdle = false;
    void acknowledger.idle().then(() => (isIdle = true));
    await clock.advance(100);
    expect([confirmed, isIdle]).toEqual([[], false]);
    await clock.advance(100);
    expect([confirmed, isIdle, state.failures()]).toEqual([[[1, 2]], true, 2]);
    expect(asked).toEqual([[1], [1, 2], [1, 2]]);
  });

  it.each([
    [false, [500, 500, 100]],
    [true, [200, 200, 200, 200, 200, 100]],
  ])('takes some at a time (ordered: %s)', async (isOrdered, sizes) => {
    const { clock, acknowledger, asked } = start(isOrdered);
    for (let n = 1; n <= 1_100; n++) acknowledger.add(entryOf(n));
    await clock.advance(0);
    expect(asked!.map(({ length }) => length)).toEqual(sizes);
  });
});
