import { lanesOf, layout, type Link } from '../../../../ui/topology/layout.js';

const SHOP: readonly Link[] = [
  { from: 'gateway', to: 'orders' },
  { from: 'orders', to: 'sold' },
  { from: 'sold', to: 'stock' },
  { from: 'gateway', to: 'stock' },
  { from: 'gateway', to: 'sold' },
  { from: 'stock', to: 'stock' },
];
const NAMES = ['gateway', 'orders', 'sold', 'stock'];

describe('the picture of who calls whom', () => {
  it('has callers to the left of whom they call, and keeps each in its place', () => {
    const spots = layout(NAMES, SHOP, new Map());
    const columns = NAMES.map((name) => spots.get(name)!.column);
    expect(columns).toEqual(columns.toSorted((a, b) => a - b));
    const grown = layout([...NAMES, 'mail'], [...SHOP, { from: 'orders', to: 'mail' }], spots);
    for (const name of NAMES) expect(grown.get(name)).toEqual(spots.get(name));
  });

  it('leads no line through a node, nor two through one place', () => {
    const spots = layout(NAMES, SHOP, new Map());
    const lanes = lanesOf(SHOP, spots);
    const passed = lanes.flat().map(({ column, row }) => `${column} ${row}`);
    const nodes = [...spots.values()].map(({ column, row }) => `${column} ${row}`);
    expect(passed.length).toBeGreaterThan(0);
    expect(new Set([...passed, ...nodes]).size).toBe(passed.length + nodes.length);
  });

  it('leads lines of neighbours, and from a node to itself, nowhere else', () => {
    const spots = layout(NAMES, SHOP, new Map());
    const lanes = lanesOf(SHOP, spots);
    for (const [index, { from, to }] of SHOP.entries()) {
      const across = spots.get(to)!.column - spots.get(from)!.column;
      expect(lanes[index]).toHaveLength(Math.max(0, across - 1));
    }
  });
});
