import { KnownNodes } from '../../../../lib/registry/bridge/known-nodes.js';

const LATE_MS = 10_000;

function recordOf(id: string, isOurs: boolean): string {
  return JSON.stringify({
    serviceName: 'math',
    instanceID: id,
    ...(isOurs && { nest: { wire: 2, serves: true } }),
  });
}

describe('the entries of the nodes hash that are due', () => {
  it('have every Hydra 1.x instance among them while it is alive or may only be late', () => {
    const nodes = new KnownNodes();
    nodes.add('late', recordOf('late', false), 0);
    nodes.add('alive', recordOf('alive', false), 0);
    for (let number = 0; number < 1_000; number++) nodes.add(`o${number}`, recordOf(`o${number}`, true), 0);
    const [alive] = nodes.due(0, true).filter(({ id }) => id === 'alive');
    alive!.isLive = true;
    const isDue = (id: string, now: number) => nodes.due(now, false).some((node) => node.id === id);
    expect([isDue('late', LATE_MS - 1), isDue('alive', LATE_MS - 1)]).toEqual([true, true]);
    expect([isDue('late', LATE_MS), isDue('alive', LATE_MS)]).toEqual([false, true]);
  });

  it('have each of the others among them within six times that they are asked for, and not else', () => {
    const nodes = new KnownNodes();
    for (let number = 0; number < 1_000; number++) nodes.add(`o${number}`, recordOf(`o${number}`, true), 0);
    const seen = new Set<string>();
    for (let tick = 0; tick < 6; tick++) {
      expect(nodes.due(0, false)).toEqual([]);
      const due = nodes.due(0, true);
      expect(due.length).toBeLessThanOrEqual(167);
      for (const { id } of due) seen.add(id);
    }
    expect(seen.size).toBe(1_000);
  });

  it('leave out records that name no service, or another instance', () => {
    const nodes = new KnownNodes();
    nodes.add('a', recordOf('b', false), 0);
    nodes.add('c', '{}', 0);
    nodes.add('d', null, 0);
    expect(nodes.due(0, true)).toEqual([]);
    expect(nodes.unread(['a', 'c', 'd', 'e'])).toEqual(['e']);
  });
});
