import { Logger } from '@nestjs/common';

import { HydraError } from '../../../lib/index.js';
import { Refusals } from '../../../lib/redis/refusals.js';
import { ManualClock } from '../../support/manual-clock.js';

/** What Redis says to a user without a right. */
function refusal(text = "NOPERM User a has no permissions to run the 'set' command"): HydraError {
  const cause = Object.assign(new Error(text), { name: 'ReplyError' });
  return new HydraError('FORBIDDEN', `SET: ${text}`, { cause });
}

describe('what Redis refuses', () => {
  let clock: ManualClock;
  let refusals: Refusals;
  let logged: string[];
  beforeEach(() => {
    logged = [];
    Logger.overrideLogger({ log() {}, error() {}, warn: (line: string) => logged.push(line) });
    clock = new ManualClock();
    refusals = new Refusals(clock);
  });
  afterEach(() => Logger.overrideLogger(false));

  it('is told for ten seconds after it was last met', async () => {
    refusals.note(refusal());
    await clock.advance(9_000);
    refusals.note(refusal());
    await clock.advance(9_999);
    expect(refusals.findings.problem).toMatch(/NOPERM/);
    await clock.advance(1);
    expect(refusals.findings).toEqual({});
  });

  it('is logged once in ten minutes, however often it is met', async () => {
    for (let second = 0; second <= 600; second += 10) {
      refusals.note(refusal());
      await clock.advance(10_000);
    }
    expect(logged).toHaveLength(2);
  });

  it('is a warning where only somebody else needs it', () => {
    refusals.note(refusal(), 'warning');
    expect(refusals.findings).toEqual({ warning: expect.stringMatching(/NOPERM/) as string });
  });

  it('leaves out what is part of the work, and what no server said', () => {
    refusals.note(refusal('NOSCRIPT No matching script'));
    refusals.note(new HydraError('REDIS_UNAVAILABLE', 'NOPERM is not what it said'));
    expect(refusals.findings).toEqual({});
    expect(logged).toEqual([]);
  });
});
