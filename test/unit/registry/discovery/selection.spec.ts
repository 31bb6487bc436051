import { createSelection, pickByKey } from '../../../../lib/registry/discovery/selection.js';
import { instanceOf, instancesOf } from './instances.js';

const versioned = (version: string) => instanceOf(`v${version}`, { version });
const { capabilities: _traits, ...hydra1 } = instanceOf('hydra1');
const tagged = (...tags: string[]) =>
  instanceOf(tags.join('-'), { capabilities: { wireVersion: 2, acceptsCalls: true, tags } });

describe('a selection', () => {
  it('is none without criteria', () => {
    expect(createSelection({})).toBeUndefined();
    expect(createSelection({ tags: [] })).toBeUndefined();
  });

  it.each([
    ['^2', ['2.0.0', '2.9.1'], ['1.9.9', '3.0.0', '2.1.0-beta.1', 'unspecified', '']],
    ['>=1.4 <3', ['1.4.0', '2.0.0', '2.5'], ['1.3.9', '3.0.0']],
    ['1.2.3', ['1.2.3', 'v1.2.3'], ['1.2.4']],
  ])('by version %s', (range, good, bad) => {
    const selection = createSelection({ version: range });
    const chosen = selection?.of(Object.freeze([...good, ...bad].map(versioned)));
    expect(chosen?.map(({ version }) => version)).toEqual(good);
  });

  it('by all of its tags', () => {
    const instances = Object.freeze([tagged('eu'), tagged('eu', 'gpu'), hydra1]);
    expect(createSelection({ tags: ['eu'] })?.of(instances)).toHaveLength(2);
    expect(createSelection({ tags: ['gpu', 'eu'] })?.of(instances)).toEqual([instances[1]]);
  });

  it('gives the same array for the same list', () => {
    const instances = instancesOf(3);
    const selection = createSelection({ version: '*' });
    expect(selection?.of(instances)).toBe(selection?.of(instances));
    expect(selection?.of(instances)).toEqual(instances);
  });

  it('says what it asks for', () => {
    expect(createSelection({ version: '^2', tags: ['a', 'b'] })?.description).toBe('version ^2, tags a, b');
  });

  it('refuses what is no range', () => {
    expect(() => createSelection({ version: 'newest' })).toThrow(
      '[BAD_OPTION] version must be a semver range',
    );
  });
});

describe('a key', () => {
  const keys = Array.from({ length: 1_000 }, (_, index) => `customer-${index}`);

  it('sticks to one instance, in whatever order they are listed', () => {
    const instances = instancesOf(7);
    for (const key of keys) expect(pickByKey(key, instances.toReversed())).toBe(pickByKey(key, instances));
  });

  it('spreads keys over all instances', () => {
    const instances = instancesOf(5);
    const counts = new Map<string, number>();
    for (const key of keys) {
      const id = pickByKey(key, instances)?.id ?? '';
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(counts.size).toBe(5);
    for (const count of counts.values()) expect(count).toBeGreaterThan(140);
  });

  it('moves only when its own instance goes', () => {
    const instances = instancesOf(5);
    const gone = instances[2];
    const rest = instances.filter((instance) => instance !== gone);
    for (const key of keys) {
      const before = pickByKey(key, instances);
      if (before !== gone) expect(pickByKey(key, rest)).toBe(before);
    }
  });

  it('has no instance where there is none', () => {
    expect(pickByKey('key', [])).toBeUndefined();
  });
});
