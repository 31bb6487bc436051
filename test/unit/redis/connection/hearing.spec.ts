import { Hearing } from '../../../../lib/redis/connection/hearing.js';
import { ManualClock } from '../../../support/manual-clock.js';

const WITHIN_MS = 1_000;

function hearingThat(publish: (hearing: Hearing, clock: ManualClock) => Promise<number>) {
  const clock = new ManualClock();
  const hearing: Hearing = new Hearing({
    clock,
    publish: () => publish(hearing, clock),
    mustCount: () => true,
    withinMs: WITHIN_MS,
    refused: () => undefined,
  });
  hearing.require('own');
  return { hearing, clock };
}

describe('a test of whether a process hears itself', () => {
  it('leaves no timer behind', async () => {
    const { hearing, clock } = hearingThat(async (own) => {
      own.heard();
      return 1;
    });
    expect(await hearing.prove()).toBe('heard');
    expect(clock.timerCount).toBe(0);
  });

  it('waits for its text from when Redis has confirmed it, however long that took', async () => {
    const { hearing, clock } = hearingThat(async (own, time) => {
      await time.advance(5 * WITHIN_MS);
      // The text is read after the confirmation.
      queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => own.heard())));
      return 1;
    });
    expect(await hearing.prove()).toBe('heard');
    expect(clock.timerCount).toBe(0);
  });

  it('is deaf where the text does not come within its limit', async () => {
    const { hearing, clock } = hearingThat(async () => 1);
    const heard = hearing.prove();
    await clock.advance(WITHIN_MS);
    expect(await heard).toBe('deaf');
  });
});
