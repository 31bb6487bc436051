import { CallTable } from '../../../../lib/transport/wire/call-table.js';

const LARGEST_RING = 4_096;

const callsUpTo = (last: number) => Array.from({ length: last }, (_, index) => ({ id: index + 1 }));

function tableOf(calls: readonly { id: number }[]): CallTable<{ id: number }> {
  const table = new CallTable<{ id: number }>();
  for (const call of calls) table.add(call);
  return table;
}

describe('a table of calls', () => {
  it('finds each of very many calls by its number', () => {
    const calls = callsUpTo(3 * LARGEST_RING);
    const table = tableOf(calls);
    expect(table.size).toBe(calls.length);
    for (const call of calls) expect(table.get(call.id)).toBe(call);
    expect(new Set(table)).toEqual(new Set(calls));
  });

  it('keeps a call that stays while many others come and go', () => {
    const [first, ...others] = callsUpTo(3 * LARGEST_RING);
    const table = tableOf([first!]);
    for (const call of others) {
      table.add(call);
      table.delete(call);
    }
    expect([...table]).toEqual([first]);
    expect(table.get(1)).toBe(first);
  });

  it('forgets what is deleted, once', () => {
    const calls = callsUpTo(2 * LARGEST_RING);
    const table = tableOf(calls);
    for (const call of calls) table.delete(call);
    for (const call of calls) table.delete(call);
    expect(table.size).toBe(0);
    expect([...table]).toEqual([]);
  });

  it.each([undefined, null, 'x', {}, -1, 1.5, Number.NaN, 2 ** 40])('has no call of the id %p', (id) => {
    expect(tableOf(callsUpTo(100)).get(id)).toBeUndefined();
  });
});
