import { attemptOf, readState, verdictOf, withFailure } from '../../../../lib/queue/model/job-state.js';

describe('the state of a job', () => {
  it.each([undefined, null, '', 'x', '[]', '{}'])('is a fresh one when it reads %j', (text) => {
    expect(attemptOf(readState(text))).toBe(1);
  });

  it('counts failures and losses', () => {
    expect(attemptOf({ failures: 2, lost: 1, lostAlone: 1 })).toBe(5);
  });

  it('remembers the last ten failures', () => {
    let state = readState('{"alone":true}');
    for (let at = 1; at <= 12; at++) state = withFailure(state, { at, error: `e${at}` });
    expect(state.failures).toBe(12);
    expect(state.alone).toBeUndefined();
    expect(state.history?.map(({ at }) => at)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });
});

describe('a job that was lost with its worker', () => {
  it.each([
    [{}, 3, 'run'],
    [{ failures: 2 }, 3, 'run'],
    [{ lost: 1 }, 3, 'run'],
    [{ lost: 2 }, 3, 'alone'],
    [{ lost: 9 }, 3, 'alone'],
    [{ lost: 1, failures: 1 }, 3, 'alone'],
    [{ lost: 2, lostAlone: 2 }, 3, 'alone'],
    [{ lost: 2, lostAlone: 3 }, 3, 'dead'],
    [{ lost: 1 }, 1, 'alone'],
    [{ lost: 1, lostAlone: 1 }, 1, 'dead'],
  ] as const)('in the state %j of %i attempts: %s', (state, attempts, verdict) => {
    expect(verdictOf(state, attempts)).toBe(verdict);
  });
});
