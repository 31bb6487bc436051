import { HydraError } from '../../../../lib/hydra-error.js';
import { GroupStatus, isNoGroup, isRefusedPermanently } from '../../../../lib/streams/group/group-status.js';
import { ManualClock } from '../../../support/manual-clock.js';

describe('the status of a group', () => {
  it('names work that fails for five seconds, with the last reason, until it is done again', async () => {
    const clock = new ManualClock();
    const status = new GroupStatus(clock, { stream: 'orders', group: 'mailer' });
    status.recordFailure('read', new Error('first'));
    await clock.advance(4_999);
    expect(status.problem).toBeUndefined();
    status.recordFailure('read', new Error('last'));
    await clock.advance(1);
    expect(status.problem).toBe('stream "orders" is not read by group "mailer": last');
    status.clear('read');
    expect(status.problem).toBeUndefined();
  });
});

it.each([
  ['NOGROUP No such key', true],
  ['UNBLOCKED the stream key no longer exists', true],
  ['ERR no such key', true],
  ['OOM command not allowed', false],
])('%s says that a group is gone: %s', (message, isGone) => {
  expect(isNoGroup(new Error(message))).toBe(isGone);
});

it('tells what Redis refuses permanently from what it refuses for now', () => {
  const refusal = (retryable: boolean) => new HydraError('REDIS_UNAVAILABLE', 'no', { retryable });
  expect([refusal(true), refusal(false)].map(isRefusedPermanently)).toEqual([false, true]);
});
