import { chooseVersion, sortVersions } from '../../../../lib/config/documents/versions.js';

describe('the version an instance uses', () => {
  const stored = ['default', '0.3.0', '0.3.9', '0.4.0', '1.0.0', '1.10.0', '1.9.0', '2.0.0-rc.1'];

  it.each<[own: string | undefined, expected: string | undefined, why: string]>([
    ['1.9.0', '1.9.0', 'its own'],
    ['1.2.0', '1.10.0', 'the newest of its major version, although it is newer than itself'],
    ['1.99.0', '1.10.0', 'the newest of its major version, although it is older than itself'],
    ['0.3.2', '0.3.9', 'below 1.0.0 the newest of its minor version'],
    ['2.0.0', undefined, 'no pre-release that it did not ask for'],
    ['2.0.0-rc.1', '2.0.0-rc.1', 'a pre-release that it is itself'],
    ['7.0.0', undefined, 'none of another major version'],
    ['0.0.0', '1.10.0', 'the newest, without a version of its own'],
    [undefined, '1.10.0', 'the newest, for a stranger'],
  ])('for %s is %s: %s', (own, expected) => {
    expect(chooseVersion(stored, { own })).toBe(expected);
  });

  it('is the label when nothing else will do', () => {
    expect(chooseVersion(stored, { own: '7.0.0', label: 'default' })).toBe('default');
    expect(chooseVersion(stored, { own: '1.9.0', label: 'default' })).toBe('1.9.0');
    expect(chooseVersion(stored, { own: '7.0.0', label: 'gone' })).toBeUndefined();
  });

  it('is the pinned one or none', () => {
    expect(chooseVersion(stored, { own: '1.9.0', pinned: '0.4.0' })).toBe('0.4.0');
    expect(chooseVersion(stored, { own: '1.9.0', pinned: '9.9.9', label: 'default' })).toBeUndefined();
  });
});

describe('versions', () => {
  it('are sorted by semver, labels first', () => {
    const given = ['1.10.0', 'green', '1.9.0', '2.0.0', 'blue', '2.0.0-rc.1'];
    expect(sortVersions(given)).toEqual(['blue', 'green', '1.9.0', '1.10.0', '2.0.0-rc.1', '2.0.0']);
  });
});
