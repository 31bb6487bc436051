import { Stalls } from '../../../../lib/transport/wire/stalls.js';
import { ManualClock } from '../../../support/manual-clock.js';

async function start() {
  const clock = new ManualClock();
  const stalls = new Stalls(clock);
  await clock.advance(10_000);
  return { clock, stalls, sentAt: clock.monotonic() };
}

describe('an answer of Redis', () => {
  it('is not late within half a second', async () => {
    const { clock, stalls, sentAt } = await start();
    await clock.advance(499);
    expect(stalls.isLate(sentAt)).toBe(false);
  });

  it('is late after that, with all that was sent before it', async () => {
    const { clock, stalls, sentAt } = await start();
    await clock.advance(600);
    const during = clock.monotonic();
    await clock.advance(100);
    expect([stalls.isLate(sentAt), stalls.isLate(sentAt + 50)]).toEqual([true, true]);
    expect(stalls.isLate(during)).toBe(false);
  });

  it('is not late again for 5 s where Redis is slow all the time', async () => {
    const { clock, stalls, sentAt } = await start();
    await clock.advance(600);
    expect(stalls.isLate(sentAt)).toBe(true);
    for (let ms = 0; ms < 4_800; ms += 600) {
      const later = clock.monotonic();
      await clock.advance(600);
      expect(stalls.isLate(later)).toBe(false);
    }
    const last = clock.monotonic();
    await clock.advance(600);
    expect(stalls.isLate(last)).toBe(true);
  });
});
