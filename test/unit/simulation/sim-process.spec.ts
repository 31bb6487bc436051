import { partOf } from '../../simulation/shrink.js';
import { planOf } from '../../simulation/faults/plan.js';
import { PHASES, SimClock } from '../../simulation/world/sim-clock.js';
import { SimProcess } from '../../simulation/world/sim-process.js';
import { randomOf } from '../../simulation/world/world.js';

function started() {
  const clock = new SimClock();
  const happened: string[] = [];
  const process = new SimProcess(clock, 'worker1', randomOf(1, 'worker1'));
  const note = (what: string) => () => void happened.push(`${what} at ${clock.monotonic()}`);
  return { clock, process, happened, note };
}

describe('a simulated process', () => {
  it('runs timers before input, and that before immediates, of one instant', async () => {
    const { clock, process, happened, note } = started();
    process.happen(5, PHASES.immediates, note('immediate'));
    process.happen(5, PHASES.input, note('input'));
    process.setTimeout(note('timer'), 5);
    await clock.runUntil(10);
    expect(happened).toEqual(['timer at 5', 'input at 5', 'immediate at 5']);
  });

  it('does nothing while it is frozen, and then its late timers first', async () => {
    const { clock, process, happened, note } = started();
    process.freeze();
    process.happen(2, PHASES.input, note('input'));
    process.setTimeout(note('timer'), 4);
    clock.setTimeout(() => process.resume(), 10);
    await clock.runUntil(20);
    expect(happened).toEqual(['timer at 10', 'input at 10']);
  });

  it('never does anything again once it is killed', async () => {
    const { clock, process, happened, note } = started();
    process.setInterval(note('interval'), 3);
    process.happen(4, PHASES.input, note('input'));
    clock.setTimeout(() => process.kill(), 3.5);
    await clock.runUntil(20);
    expect(happened).toEqual(['interval at 3']);
    expect(process.timerCount).toBe(0);
  });

  it('may have a wall clock that is off, and waits as all others do', async () => {
    const { clock, process, happened, note } = started();
    process.skew(-60_000);
    process.setTimeout(note('timer'), 5);
    await clock.runUntil(10);
    expect([process.now() - clock.now(), happened]).toEqual([-60_000, ['timer at 5']]);
  });
});

describe('the plan of a seed', () => {
  it('is the same each time, and another one for another seed', () => {
    const plan = planOf(randomOf(7, 'plan'));
    expect(planOf(randomOf(7, 'plan'))).toEqual(plan);
    expect(planOf(randomOf(8, 'plan'))).not.toEqual(plan);
  });

  it('keeps the parts that are named', () => {
    const plan = planOf(randomOf(7, 'plan'));
    const { members, faults } = partOf(plan, ['m1', 'f0']);
    expect([members, faults]).toEqual([[plan.members[1]], plan.faults.slice(0, 1)]);
  });
});
