import type { Entry } from '../../../../lib/streams/entries/entry.js';
import type { EntryHandler } from '../../../../lib/streams/entries/entry-handler.js';
import { HandlerSlots } from '../../../../lib/streams/entries/handler-slots.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { entryOf, handlerOf, numbersOf } from '../../../support/stream-entries.js';

function start(options: Partial<EntryHandler> = {}) {
  const clock = new ManualClock();
  const runs: (readonly Entry[])[] = [];
  const slots = new HandlerSlots(handlerOf(options), clock, {
    slotsTaken: (_, entries) => void runs.push(entries),
  });
  const enter = (...entries: Entry[]) => {
    for (const entry of entries) slots.enter(entry);
  };
  return { clock, slots, enter, runs, begun: () => runs.map((entries) => numbersOf(entries)) };
}

function suspect(n: number): Entry {
  const entry = entryOf(n, { deliveries: 2 });
  entry.admit(true);
  return entry;
}

describe('the slots of a handler', () => {
  it('run as many entries at once as it is concurrent, and the next when one ends', () => {
    const { slots, enter, runs, begun } = start({ concurrency: 2 });
    enter(entryOf(1), entryOf(2), entryOf(3), entryOf(4));
    expect(begun()).toEqual([[1], [2]]);
    slots.leave(runs[0]!);
    expect(begun()).toEqual([[1], [2], [3]]);
  });

  it('have capacity ahead only while the handler is quick', async () => {
    const { clock, slots, enter, runs } = start({ concurrency: 2 });
    expect(slots.capacity).toBe(2);
    enter(entryOf(1));
    await clock.advance(5);
    slots.leave(runs[0]!);
    expect(slots.capacity).toBe(4);
    enter(entryOf(2));
    await clock.advance(50);
    slots.leave(runs[1]!);
    expect(slots.capacity).toBe(2);
  });

  it('run one suspect at a time, and others beside it', () => {
    const { slots, enter, runs, begun } = start({ concurrency: 3 });
    enter(suspect(1), suspect(2), entryOf(3));
    expect(begun()).toEqual([[1], [3]]);
    slots.leave(runs[0]!);
    expect(begun()).toEqual([[1], [3], [2]]);
  });

  it('run a batch when it is full, or when its first entry has waited long enough', async () => {
    const { clock, enter, begun } = start({ concurrency: 5, batch: { size: 2, waitMs: 50 } });
    enter(entryOf(1), entryOf(2), entryOf(3));
    expect(begun()).toEqual([[1, 2]]);
    await clock.advance(49);
    expect(begun()).toEqual([[1, 2]]);
    await clock.advance(1);
    expect(begun()).toEqual([[1, 2], [3]]);
  });

  it('begin nothing once they are closed, and leave no timer', async () => {
    const { clock, slots, enter, begun } = start({ batch: { size: 2, waitMs: 50 } });
    enter(entryOf(1));
    slots.close();
    await clock.advance(100);
    expect([begun(), clock.timerCount]).toEqual([[], 0]);
  });
});
