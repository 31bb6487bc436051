import type { Instance } from '../../../../lib/index.js';
import { InstanceChooser } from '../../../../lib/transport/outgoing/instance-chooser.js';
import type { CallRequest, CallTarget } from '../../../../lib/transport/outgoing/outgoing-call.js';
import { ManualClock } from '../../../support/manual-clock.js';

type ChooserContext = ConstructorParameters<typeof InstanceChooser>[0];

const instance = { id: 'a' } as Instance;

/** A service whose only instance was not reached lately. */
const target = {
  view: { servers: [instance], unreached: [instance], isSuspect: () => true },
  selection: undefined,
  instanceId: undefined,
} as unknown as CallTarget;

/** For how long a call waits for it. */
function patience({ isSharded = false, sinceReconnectMs = Infinity, timeoutMs = 10_000, mayQueue = false }) {
  const context = {
    id: 'me',
    redis: { isSharded, msSinceReconnect: () => sinceReconnectMs },
    options: { breaker: { failures: 5, ejectMs: 1_000, panicShare: 0.5 } },
    clock: new ManualClock(),
  } as unknown as ChooserContext;
  return new InstanceChooser(context).patienceMs({ timeoutMs } as CallRequest, target, mayQueue);
}

describe('a call whose instances were not reached', () => {
  it.each([
    [{}, 1_000],
    [{ timeoutMs: 600 }, 300],
    [{ isSharded: true }, 3_000],
    [{ isSharded: true, timeoutMs: 600 }, 300],
    [{ sinceReconnectMs: 10 }, 10_000],
    [{ sinceReconnectMs: 10, mayQueue: true }, 5_000],
  ])('waits for them: %j', (given, ms) => {
    expect(patience(given)).toBe(ms);
  });
});
