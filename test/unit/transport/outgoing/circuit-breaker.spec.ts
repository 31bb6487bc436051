import type { Instance } from '../../../../lib/index.js';
import { CircuitBreaker } from '../../../../lib/transport/outgoing/circuit-breaker.js';
import { ManualClock } from '../../../support/manual-clock.js';

const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id }) as Instance) as [Instance, Instance, Instance];
const all = [a, b, c];

describe('a circuit breaker', () => {
  const clock = new ManualClock();
  beforeAll(() => clock.advance(1));

  const breaker = (options: { failures?: number; ejectMs?: number; panicShare?: number } = {}) =>
    new CircuitBreaker(clock, { failures: 2, ejectMs: 60_000, panicShare: 0.5, ...options });

  const fail = (on: CircuitBreaker, id: string, times: number) => {
    for (let time = 0; time < times; time++) on.failed(id);
  };

  it('lets every instance through, as the same array, while none is out', () => {
    const closed = breaker();
    fail(closed, 'a', 1);
    expect(closed.allow(all)).toBe(all);
    expect(closed.states()).toMatchObject([{ instanceId: 'a', state: 'closed', failures: 1 }]);
  });

  it('leaves out an instance that failed too often in a row', () => {
    const open = breaker();
    fail(open, 'a', 2);
    expect(open.allow(all)).toEqual([b, c]);
    expect(open.states()).toMatchObject([{ instanceId: 'a', state: 'open' }]);
  });

  it('forgets failures once the instance answers', () => {
    const recovering = breaker();
    fail(recovering, 'a', 1);
    recovering.succeeded('a');
    fail(recovering, 'a', 1);
    expect(recovering.allow(all)).toBe(all);
  });

  it('lets one call try an instance whose time is over, and no second one', () => {
    const trying = breaker({ ejectMs: 0 });
    fail(trying, 'a', 2);
    expect(trying.states()).toMatchObject([{ state: 'half-open' }]);
    expect(trying.allow(all)).toEqual(all);
    trying.sent('a');
    expect(trying.allow(all)).toEqual([b, c]);
    trying.succeeded('a');
    expect(trying.allow(all)).toBe(all);
  });

  it('leaves an instance out for ejectMs, and twice as long when it fails again', async () => {
    const doubling = breaker({ ejectMs: 1_000 });
    fail(doubling, 'a', 2);
    for (const ejectMs of [1_000, 2_000, 4_000]) {
      await clock.advance(ejectMs - 1);
      expect(doubling.allow(all)).toEqual([b, c]);
      await clock.advance(1);
      expect(doubling.allow(all)).toEqual(all);
      doubling.sent('a');
      doubling.failed('a');
    }
  });

  it('lets another call try when the first ended without a verdict', () => {
    const trying = breaker({ ejectMs: 0 });
    fail(trying, 'a', 2);
    trying.sent('a');
    trying.ended('a');
    expect(trying.allow(all)).toEqual(all);
  });

  it('uses all when more than the panic share is out', () => {
    const panicking = breaker();
    fail(panicking, 'a', 2);
    fail(panicking, 'b', 2);
    expect(panicking.allow(all)).toBe(all);
    expect(breaker({ panicShare: 1 }).allow(all)).toBe(all);
  });

  it('does nothing when it is turned off', () => {
    const off = breaker({ failures: 0 });
    fail(off, 'a', 100);
    expect(off.allow(all)).toBe(all);
    expect(off.states()).toEqual([]);
  });
});
