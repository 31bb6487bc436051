import { FlowControl } from '../../../../lib/streams/entries/flow-control.js';
import { ManualClock } from '../../../support/manual-clock.js';

function start() {
  const clock = new ManualClock();
  const flow = new FlowControl(clock);
  let isOver = false;
  const wait = (maxMs?: number) => {
    isOver = false;
    void flow.wait(maxMs).then(() => (isOver = true));
  };
  return { clock, flow, wait, isOver: () => isOver };
}

describe('the flow control of a reader', () => {
  it('wakes it after the tick in which there may be capacity', async () => {
    const { clock, flow, wait, isOver } = start();
    wait();
    await clock.advance(10_000);
    expect(isOver()).toBe(false);
    flow.notify();
    flow.notify();
    expect(isOver()).toBe(false);
    await clock.advance(0);
    expect(isOver()).toBe(true);
  });

  it('wakes it after so long, and leaves no timer when it was woken before', async () => {
    const { clock, flow, wait, isOver } = start();
    wait(50);
    await clock.advance(50);
    expect(isOver()).toBe(true);
    wait(50);
    flow.notify();
    await clock.advance(0);
    expect([isOver(), clock.timerCount]).toEqual([true, 0]);
  });

  it('wakes it when it is closed', async () => {
    const { clock, flow, wait, isOver } = start();
    wait();
    flow.close();
    await clock.advance(0);
    expect(isOver()).toBe(true);
  });
});
