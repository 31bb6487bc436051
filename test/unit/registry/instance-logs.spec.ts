import { newEntries } from '../../../lib/registry/instance-logs.js';

describe('what is new at the head of a log', () => {
  it.each([
    ['nothing', 'cba', 'cba', ''],
    ['one', 'cba', 'dcba', 'd'],
    ['some, while the oldest fell off', 'cba', 'edc', 'ed'],
    ['all, when the log was short of them', '', 'ba', 'ba'],
    ['all, when more came than it holds', 'cba', 'fed', 'fed'],
    ['a line like those before it', 'aa', 'aaa', 'a'],
    ['nothing of an empty log', 'cba', '', ''],
  ])('%s', (_what, before, now, added) => {
    expect(newEntries(before.split(''), now.split(''))).toEqual(added.split(''));
  });
});
