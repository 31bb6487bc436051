import { Collector } from '../../../../lib/dashboard/collect/collector.js';
import type { Asked } from '../../../../lib/doctor/evidence/asked.js';
import { ManualClock } from '../../../support/manual-clock.js';

/** What is looked at every second by so many commands, and how often it was. */
function watched(commands: number, isFailing: boolean) {
  const clock = new ManualClock();
  const collector = new Collector(clock);
  const told: string[] = [];
  let looks = 0;
  const read = async (asked: Asked) => {
    looks++;
    asked.note(commands);
    if (isFailing) throw new Error('no answer');
    return { value: looks };
  };
  const leave = collector.watch('one', { everyMs: 1_000, read }, ({ json }) => told.push(json));
  return { clock, collector, told, leave, looks: () => looks };
}

describe('what is watched', () => {
  it.each([false, true])(
    'is looked at less often where it takes many commands, failing: %s',
    async (isFailing) => {
      const { clock, looks } = watched(60, isFailing);
      await clock.advance(4_900);
      expect(looks()).toBe(1);
      await clock.advance(200);
      expect(looks()).toBe(2);
    },
  );

  it('is looked at no more, and leaves no timer, when nobody watches', async () => {
    const { clock, collector, leave, looks } = watched(1, false);
    await clock.advance(2_500);
    leave();
    await clock.advance(10_000);
    expect([looks(), clock.timerCount, collector.size]).toEqual([3, 0, 0]);
  });
});
