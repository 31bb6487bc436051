import { rejectAfter, resolvesWithin, sleep, withTimeout } from '../../../lib/runtime/waiting.js';
import { ManualClock } from '../../support/manual-clock.js';

const never = new Promise<never>(() => undefined);
const late = () => new Error('late');

describe('waiting with a limit', () => {
  it('gives what the promise gives, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    await expect(withTimeout(clock, Promise.resolve(7), 100, late)).resolves.toBe(7);
    await expect(withTimeout(clock, Promise.reject(new Error('own')), 100, late)).rejects.toThrow('own');
    expect(clock.timerCount).toBe(0);
  });

  it('rejects when the time has passed, and not before', async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    withTimeout(clock, never, 100, late).catch((error: Error) => seen.push(error.message));
    await clock.advance(99);
    expect(seen).toEqual([]);
    await clock.advance(1);
    expect(seen).toEqual(['late']);
  });

  it('says whether something happened in time', async () => {
    const clock = new ManualClock();
    await expect(resolvesWithin(clock, Promise.resolve(), 100)).resolves.toBe(true);
    const outcome = resolvesWithin(clock, never, 100);
    await clock.advance(100);
    await expect(outcome).resolves.toBe(false);
    expect(clock.timerCount).toBe(0);
  });

  it('can be called off', async () => {
    const clock = new ManualClock();
    const { cancel } = rejectAfter(clock, 100, late);
    cancel();
    expect(clock.timerCount).toBe(0);
  });
});

describe('sleeping', () => {
  it('ends with its time', async () => {
    const clock = new ManualClock();
    let isAwake = false;
    void sleep(clock, 50).then(() => (isAwake = true));
    await clock.advance(49);
    expect(isAwake).toBe(false);
    await clock.advance(1);
    expect(isAwake).toBe(true);
  });

  it('ends at once when it is aborted, before or meanwhile', async () => {
    const clock = new ManualClock();
    const control = new AbortController();
    const slept = sleep(clock, 50, { signal: control.signal });
    control.abort();
    await slept;
    await sleep(clock, 50, { signal: control.signal });
    expect(clock.timerCount).toBe(0);
  });
});
