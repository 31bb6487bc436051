import { StartGate } from '../../../../lib/queue/worker/start-gate.js';
import { ManualClock } from '../../../support/manual-clock.js';

describe('the gate', () => {
  let clock: ManualClock;
  beforeEach(() => (clock = new ManualClock()));

  it('is open while nobody asks to be alone', () => {
    const gate = new StartGate(clock);
    gate.enter();
    expect(gate.isOpen).toBe(true);
    gate.leave();
    expect(gate.isOpen).toBe(true);
  });

  it('lets one in alone once the last of the others has left, and then stays open for four times as long', () => {
    const gate = new StartGate(clock);
    const log: string[] = [];
    gate.onOpen(() => log.push('open'));
    gate.enter();
    gate.enter();
    gate.enterAlone(() => log.push('first'));
    expect(gate.isOpen).toBe(false);
    gate.leave();
    expect(log).toEqual([]);
    gate.leave();
    expect(log).toEqual(['first']);
    gate.leave();
    expect(log).toEqual(['first', 'open']);
    expect(gate.isOpen).toBe(true);
  });

  it('lets one in at once where nobody is', () => {
    const gate = new StartGate(clock);
    let isIn = false;
    gate.enterAlone(() => (isIn = true));
    expect(isIn).toBe(true);
    expect(gate.isOpen).toBe(false);
  });

  it('opens again when the one that waits gives up, and does not let it in later', () => {
    const gate = new StartGate(clock);
    const log: string[] = [];
    const start = () => log.push('alone');
    gate.onOpen(() => log.push('open'));
    gate.enter();
    gate.enterAlone(start);
    expect(gate.giveUp(start)).toBe(true);
    expect(log).toEqual(['open']);
    expect([gate.isOpen, gate.closedMs]).toEqual([true, 0]);
    gate.leave();
    expect(log).toEqual(['open']);
    expect(gate.giveUp(start)).toBe(false);
  });

  describe('asked by one after the other to be alone', () => {
    it('is closed for a fifth of the time at most while others have something to do', async () => {
      const gate = new StartGate(clock);
      let closedMs = 0;
      gate.enter();
      for (let ms = 0; ms < 600_000; ms += 100) {
        if (gate.isOpen && gate.restMs === 0) {
          const start = () => undefined;
          gate.enterAlone(start);
          clock.setTimeout(() => gate.giveUp(start), 2_000);
        }
        if (!gate.isOpen) closedMs += 100;
        await clock.advance(100);
      }
      expect(closedMs).toBeGreaterThan(60_000);
      expect(closedMs).toBeLessThanOrEqual(122_000);
    });

    it('is not kept closed where nobody else has anything to do', async () => {
      const gate = new StartGate(clock);
      gate.enterAlone(() => undefined);
      await clock.advance(5_000);
      gate.leave();
      await clock.advance(101);
      expect(gate.restMs).toBe(0);
    });

    it('lets others in beside one that has run alone for ten seconds', async () => {
      const gate = new StartGate(clock);
      gate.enterAlone(() => undefined);
      await clock.advance(9_999);
      expect(gate.isOpen).toBe(false);
      await clock.advance(1);
      expect(gate.isOpen).toBe(true);
      gate.enter();
      gate.leave();
      gate.leave();
      expect(gate.isOpen).toBe(true);
    });
  });
});
