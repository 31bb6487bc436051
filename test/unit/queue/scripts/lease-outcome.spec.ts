import { encodeOutcome, type LeaseOutcome } from '../../../../lib/queue/scripts/lease-outcome.js';

describe('an outcome, as the script reads it,', () => {
  it.each<[LeaseOutcome, string, string]>([
    [{ what: 'done', lease: '1-1', id: 'a', event: '{}' }, 'a', '{}'],
    [
      { what: 'retry', lease: '1-1', id: 'ä', addedAt: 7, delayMs: 20, state: { failures: 1 }, event: '' },
      '20 7 2 ä{"failures":1}',
      '',
    ],
    [{ what: 'dead', lease: '1-1', id: 'ä 1', letter: '{"a":1}', event: '{}' }, '4 ä 1{"a":1}', '{}'],
    [{ what: 'return', lease: '1-1', state: undefined, hasBegun: false }, '', ''],
    [{ what: 'return', lease: '1-1', state: undefined, hasBegun: true }, '', 'begun'],
    [{ what: 'refund', lease: '1-1', pattern: 'p' }, 'p', ''],
    [{ what: 'return', lease: '1-1', state: { lost: 1 }, hasBegun: false }, '{"lost":1}', ''],
    [{ what: 'requeue', lease: '1-1', state: { unhandledSince: 5 } }, '{"unhandledSince":5}', ''],
    [{ what: 'aside', lease: '1-1', list: 'key' }, 'key', ''],
    [{ what: 'unserved', lease: '1-1', pattern: 'p ö', state: {} }, '4 p ö{}', ''],
  ])('%j has the detail %j and the event %j', (outcome, detail, event) => {
    expect(encodeOutcome(outcome)).toEqual([outcome.what, outcome.lease, detail, event]);
  });
});
