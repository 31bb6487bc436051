import { EventEmitter } from 'node:events';

import type { RoleName } from '../../simulation/actors/roles.js';
import { violationsOf } from '../../simulation/invariants/all.js';
import type { Fact } from '../../simulation/world/ledger.js';
import { listenersOf, moreThan } from '../../simulation/world/listeners.js';

const FACTS: readonly Fact[] = [
  { at: 1_001, who: 'publisher1', kind: 'entry published', n: 'publisher1/0', startedAt: 1_000 },
  { at: 1_003, who: 'producer1', kind: 'job added', id: 'producer1/0', isNew: true, startedAt: 1_002 },
  { at: 58_000, who: 'auditor', kind: 'job found', id: 'producer1/0', state: 'waiting' },
];

const brokenWith = (...roles: readonly RoleName[]) => {
  const members = roles.map((role) => ({ name: `${role}1`, role }));
  return violationsOf({ plan: { members, faults: [] }, facts: FACTS }).map(({ rule }) => rule);
};

describe('the rules that nothing is lost', () => {
  it('are broken where somebody was there to do it', () => {
    expect(brokenWith('publisher', 'producer', 'consumer', 'worker')).toEqual([
      'no accepted job is lost',
      'no accepted entry is lost',
    ]);
  });

  it('are kept by what waits where nobody is there to do it', () => {
    expect(brokenWith('publisher', 'producer')).toEqual([]);
  });

  it('are kept by a job whose attempt has just begun when others look for it, and broken by one that stays so', () => {
    const seen = FACTS.map((fact) => (fact.kind === 'job found' ? { ...fact, state: 'active' } : fact));
    const members = (['producer', 'worker'] as const).map((role) => ({ name: `${role}1`, role }));
    const lost = (beganAt: number) =>
      violationsOf({
        plan: { members, faults: [] },
        facts: [...seen, { at: beganAt, who: 'worker1', kind: 'job began', id: 'producer1/0' }],
      }).filter(({ rule }) => rule === 'no accepted job is lost');
    expect(lost(57_000)).toEqual([]);
    expect(lost(40_000)).toHaveLength(1);
  });

  it('are broken by a job that is gone, also where nobody is there to do it', () => {
    const gone = FACTS.filter(({ kind }) => kind !== 'job found');
    const members = [{ name: 'producer1', role: 'producer' as const }];
    const found = violationsOf({ plan: { members, faults: [] }, facts: gone });
    expect(found.map(({ rule }) => rule)).toEqual(['no accepted job is lost']);
  });
});

describe('the rule that nothing is left', () => {
  it('is broken by a listener on the process', () => {
    const before = listenersOf(process);
    const listener = () => undefined;
    process.on('beforeExit', listener);
    const listeners = moreThan(before, listenersOf(process));
    process.off('beforeExit', listener);
    const facts = [{ at: 70_000, who: 'machine', kind: 'listeners left', listeners }];
    expect(violationsOf({ plan: { members: [], faults: [] }, facts })).toEqual([
      {
        rule: 'nothing is left after close',
        what: 'machine has more listeners than at first: 1 of beforeExit',
      },
    ]);
  });

  it('counts the listeners of all emitters together, and not those that are gone', () => {
    const [one, other] = [new EventEmitter(), new EventEmitter()];
    one.on('a', () => undefined).on('b', () => undefined);
    const before = listenersOf(one, other);
    one.removeAllListeners('b');
    other.on('a', () => undefined);
    expect(moreThan(before, listenersOf(one, other))).toEqual(['1 of a']);
  });
});
