import { decodeEdges, encodeEdges, type EdgeRecord } from '../../../../lib/protocol/edges.js';
import { mergeTopology } from '../../../../lib/registry/topology/topology.js';

const record = (more: Partial<EdgeRecord>): EdgeRecord => ({
  kind: 'call',
  direction: 'out',
  other: 'math',
  pattern: 'sum',
  count: 10,
  errors: {},
  counts: [10],
  recent: 5,
  ...more,
});
const told = (service: string, ...edges: EdgeRecord[]) => ({ service, told: { windowMs: 5_000, edges } });

describe('the edges of an instance', () => {
  it('are read as they were written', () => {
    const edges = [record({ errors: { TIMEOUT: 2 }, counts: [1, 0, 9, 0, 0] })];
    const text = encodeEdges({ windowMs: 4_999.6, edges });
    expect(text).toBe(
      '{"v":1,"windowMs":5000,"edges":[["call","out","math","sum",10,{"TIMEOUT":2},[1,0,9],5]]}',
    );
    expect(decodeEdges(text)).toEqual({ windowMs: 5_000, edges: [{ ...edges[0]!, counts: [1, 0, 9] }] });
  });

  it.each([null, '', '[]', '{}', '{"v":2,"edges":[]}', '{"v":1,"edges":7}'])('are nothing in %p', (text) => {
    expect(decodeEdges(text)).toBeUndefined();
  });

  it('leave out what is no edge', () => {
    const text =
      '{"v":1,"edges":[7,["dance","out","a","b",1,{},[],0],["call","out","a","b","x",[],["y"],null]]}';
    expect(decodeEdges(text)?.edges).toEqual([
      {
        kind: 'call',
        direction: 'out',
        other: 'a',
        pattern: 'b',
        count: 0,
        errors: {},
        counts: [0],
        recent: 0,
      },
    ]);
  });
});

describe('the topology of what instances say', () => {
  it('adds up counts, errors, rates and histograms', () => {
    const one = told('shop', record({ errors: { TIMEOUT: 1 } }));
    const two = told('shop', record({ count: 30, counts: [0, 30], recent: 10 }), record({ other: 'tax' }));
    const { nodes, edges } = mergeTopology([one, two, told('math')]);
    expect(edges).toMatchObject([
      { from: 'shop', to: 'math', calls: 40, errors: 1, errorsByCode: { TIMEOUT: 1 }, ratePerS: 3 },
      { from: 'shop', to: 'tax', calls: 10 },
    ]);
    expect(nodes.map(({ name, instances }) => [name, instances])).toEqual([
      ['math', 1],
      ['shop', 2],
      ['tax', 0],
    ]);
  });

  it('has the calls of Hydra 1.x processes, as those tell whom they call, and none twice', () => {
    const seen = record({ direction: 'in', other: 'legacy', count: 4 });
    const alsoOurs = record({ direction: 'in', other: 'shop', count: 7, errors: { X: 1 } });
    const { edges } = mergeTopology([told('shop', record({})), told('math', seen, alsoOurs)]);
    expect(edges).toMatchObject([
      { from: 'legacy', to: 'math', calls: 4 },
      { from: 'shop', to: 'math', calls: 10, errors: 0 },
    ]);
  });

  it('takes the number of jobs from those who add them, and their durations from those who run them', () => {
    const added = record({ kind: 'job', count: 10, counts: [10] });
    const run = record({
      kind: 'job',
      direction: 'in',
      other: 'shop',
      count: 8,
      counts: [0, 0, 0, 8],
      errors: { E: 2 },
    });
    const [edge] = mergeTopology([told('shop', added), told('math', run)]).edges;
    expect(edge).toMatchObject({ calls: 10, errors: 2 });
    expect(edge!.p50Ms).toBeGreaterThan(1);
  });
});
