import { keptSecrets } from '../../../../lib/dashboard/act/kept-secrets.js';

const R = '[redacted]';
const stored = {
  limit: 1,
  db: { password: 'one' },
  hosts: [
    { name: 'a', password: 'of a' },
    { name: 'b', password: 'of b' },
  ],
  tokens: ['t1', 't2'],
};
const shown = {
  limit: 1,
  db: { password: R },
  hosts: [
    { name: 'a', password: R },
    { name: 'b', password: R },
  ],
  tokens: [R, R],
};
const [a, b] = shown.hosts as [object, object];
const [ofA, ofB] = stored.hosts as [object, object];
const keep = (edited: object) => keptSecrets({ ...shown, ...edited }, { stored, shown });

describe('keptSecrets', () => {
  it.each<[string, object, object]>([
    ['nothing', {}, {}],
    ['another member', { limit: 2 }, { limit: 2 }],
    ['a secret', { db: { password: 'two' } }, { db: { password: 'two' } }],
    ['a list by its first element', { hosts: [b] }, { hosts: [ofB] }],
    ['the order of a list', { hosts: [b, a] }, { hosts: [ofB, ofA] }],
    ['a list by a new element', { hosts: [{ name: 'c' }, a, b] }, { hosts: [{ name: 'c' }, ofA, ofB] }],
    [
      'one element',
      { hosts: [{ name: 'c', password: R }, b] },
      { hosts: [{ name: 'c', password: 'of a' }, ofB] },
    ],
    ['one secret of a list', { tokens: ['new', R] }, { tokens: ['new', 't2'] }],
  ])('keeps each secret with its owner where somebody changed %s', (_what, edited, expected) => {
    expect(keep(edited)).toEqual({ ...stored, ...expected });
  });

  it.each<[string, object]>([
    [
      'elements that were edited and moved',
      {
        hosts: [
          { name: 'b2', password: R },
          { name: 'a2', password: R },
        ],
      },
    ],
    ['an edited element of a shorter list', { hosts: [{ name: 'b2', password: R }] }],
    ['one of two secrets without a name', { tokens: [R] }],
    ['a member that was not there', { db: { password: R, token: R } }],
    ['a member that is no secret', { limit: R }],
  ])('refuses to guess the secret of %s', (_what, edited) => {
    expect(() => keep(edited)).toThrow('write its value');
  });
});
