import { StartGate } from '../../../lib/queue/start.gate.js';

describe('the gate', () => {
  it('is open while nobody asks to be alone', () => {
    const gate = new StartGate();
    gate.enter();
    expect(gate.isOpen).toBe(true);
    gate.leave();
    expect(gate.isOpen).toBe(true);
  });

  it('lets one in alone once the last of the others has left, and then the next', () => {
    const gate = new StartGate();
    const log: string[] = [];
    gate.onOpen(() => log.push('open'));
    gate.enter();
    gate.enter();
    gate.enterAlone(() => log.push('first'));
    gate.enterAlone(() => log.push('second'));
    expect(gate.isOpen).toBe(false);
    gate.leave();
    expect(log).toEqual([]);
    gate.leave();
    expect(log).toEqual(['first']);
    gate.leave();
    expect(log).toEqual(['first', 'second']);
    expect(gate.isOpen).toBe(false);
    gate.leave();
    expect(log).toEqual(['first', 'second', 'open']);
    expect(gate.isOpen).toBe(true);
  });

  it('lets one in at once where nobody is', () => {
    const gate = new StartGate();
    let isIn = false;
    gate.enterAlone(() => (isIn = true));
    expect(isIn).toBe(true);
    expect(gate.isOpen).toBe(false);
  });

  it('opens again when the one that waits gives up, and does not let it in later', () => {
    const gate = new StartGate();
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
});
