import { jest } from '@jest/globals';

import { systemClock } from '../../../../lib/runtime/clock.js';
import { InstanceLoads } from '../../../../lib/transport/outgoing/instance-loads.js';
import { instanceOf } from '../../registry/discovery/instances.js';

const instance = instanceOf('a');
const { id } = instance;

describe('what is known of an instance’s load', () => {
  let loads: InstanceLoads;
  beforeEach(() => {
    jest.useFakeTimers({ now: 100_000 });
    loads = new InstanceLoads(systemClock);
  });
  afterEach(() => jest.useRealTimers());

  const latency = () => loads.view('sum').latencyMs(instance);
  const inFlight = () => loads.view('sum').inFlight(instance);
  const answer = (latencyMs: number) => {
    loads.sent(id);
    loads.ended(id, latencyMs);
  };

  it('counts the calls that wait, and never below none', () => {
    loads.sent(id);
    loads.sent(id);
    expect(inFlight()).toBe(2);
    loads.ended(id);
    loads.ended(id);
    loads.ended(id);
    expect([inFlight(), latency()]).toEqual([0, 0]);
  });

  it('believes what the instance says of itself for a moment', () => {
    loads.sent(id);
    loads.report(id, [7, 1]);
    expect(inFlight()).toBe(7);
    jest.advanceTimersByTime(300);
    expect(inFlight()).toBe(1);
  });

  it('believes a slow answer at once, and fast ones by degrees', () => {
    for (let call = 0; call < 10; call++) answer(2);
    answer(100);
    expect(latency()).toBeCloseTo(51, 0);
    answer(2);
    expect(latency()).toBeCloseTo(46, 0);
  });

  it('forgives one slow answer within seconds, so that an instance is not left aside for long', () => {
    answer(1);
    answer(700);
    jest.advanceTimersByTime(9_000);
    expect(latency()).toBeLessThan(1);
    answer(1);
    expect(latency()).toBeLessThan(1.5);
  });

  it('tries a forgiven instance with one call at a time', () => {
    answer(700);
    jest.advanceTimersByTime(9_000);
    loads.sent(id);
    expect(latency()).toBe(700);
  });
});
