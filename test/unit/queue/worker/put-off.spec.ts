import type { HeldJob } from '../../../../lib/queue/worker/held-job.js';
import { putOff, returned } from '../../../../lib/queue/worker/job-runner.js';

describe('a job that had waited for a handler, and met one', () => {
  const job = {
    lease: '7',
    message: { mid: 'a', timestamp: '1970-01-01T00:00:00.005Z' },
    state: { failures: 1, alone: true, unhandledSince: 1_000, waitedAlone: 2 },
  } as unknown as HeldJob;

  it('begins to wait anew when it is put off', () => {
    expect(putOff(job, 250)).toEqual({
      what: 'retry',
      lease: '7',
      id: 'a',
      addedAt: 5,
      delayMs: 250,
      state: { failures: 1, waitedAlone: 2 },
      event: '',
    });
  });

  it('begins to wait anew when it is put back in its place', () => {
    expect(returned(job)).toMatchObject({ what: 'return', state: { failures: 1, waitedAlone: 2 } });
  });
});
