import { InFlightEntries } from '../../../../lib/streams/entries/in-flight-entries.js';
import { entryOf, numbersOf } from '../../../support/stream-entries.js';

describe('the entries in flight', () => {
  it('take each entry once, also one that is delivered again', () => {
    const inFlight = new InFlightEntries();
    expect([1, 3, 2, 3, 1, 4].map((n) => inFlight.add(entryOf(n)))).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(numbersOf(inFlight).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  });

  it('let go of any of them, once', () => {
    const inFlight = new InFlightEntries();
    const entries = [1, 2, 3, 4].map((n) => entryOf(n));
    for (const entry of entries) inFlight.add(entry);
    for (const entry of [entries[1]!, entries[3]!, entries[1]!, entryOf(9)]) inFlight.remove(entry);
    expect([inFlight.size, numbersOf(inFlight).toSorted((a, b) => a - b)]).toEqual([2, [1, 3]]);
    expect(inFlight.add(entries[1]!)).toBe(true);
  });
});
