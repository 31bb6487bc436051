import { adding } from '../../../lib/diagnostics/added-job.js';
import { publishing } from '../../../lib/diagnostics/published-entry.js';
import { callRefused, handlerStarted } from '../../../lib/transport/incoming/observed-handler.js';
import type { IncomingCall } from '../../../lib/transport/incoming/incoming-call.js';
import { callStarted } from '../../../lib/transport/outgoing/observed-call.js';
import type { CallRequest, CallTarget } from '../../../lib/transport/outgoing/outgoing-call.js';
import { HydraError } from '../../../lib/hydra-error.js';
import { systemClock } from '../../../lib/runtime/clock.js';
import { resolveOptions } from '../../../lib/hydra-options.js';

const TIMES = 100_000;
const request = { pattern: 'sum', timeoutMs: 1, metadata: { a: 'b' } } as unknown as CallRequest;
const target = { view: { service: 'math' } } as unknown as CallTarget;
const context = { id: 'a', options: resolveOptions({ service: 'math' }), clock: systemClock };
const refused = { pattern: 'sum', metadata: undefined, isKnown: true };
const error = new HydraError('OVERLOADED', 'full');
const entry = { instanceId: 'a', stream: 'orders', type: undefined, data: {} };
const job = { instanceId: 'a', data: {}, service: 'math', queue: 'default', pattern: 'sum', id: '1' };

/** Bytes of heap for each run; what a collection in between would hide, other rounds show. */
function bytesEach(act: () => unknown): number {
  const rounds = Array.from({ length: 9 }, () => {
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < TIMES; n++) act();
    return (process.memoryUsage().heapUsed - before) / TIMES;
  });
  return rounds.toSorted((a, b) => a - b)[4]!;
}

/** Microseconds of CPU for each run. */
function cpuEach(act: () => unknown): number {
  const rounds = Array.from({ length: 9 }, () => {
    const before = process.cpuUsage();
    for (let n = 0; n < TIMES; n++) act();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / TIMES;
  });
  return Math.min(...rounds);
}

describe('an event that nobody listens to', () => {
  it.each<[what: string, act: () => unknown]>([
    ['a call that begins', () => callStarted('call', 'a', request, target)],
    ['a handler that begins', () => handlerStarted(context, undefined as unknown as IncomingCall)],
    ['a call that is refused', () => callRefused(context, refused, error)],
    ['a job that is added', () => adding(job, undefined)],
    ['an entry that is published', () => publishing(entry, undefined)],
  ])('is not made, and costs next to nothing: %s', (_what, act) => {
    expect(act()).toBeUndefined();
    expect(bytesEach(act)).toBeLessThan(2);
    expect(cpuEach(act)).toBeLessThan(0.05);
  });
});
