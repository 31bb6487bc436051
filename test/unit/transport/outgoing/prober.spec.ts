import type { Instance } from '../../../../lib/index.js';
import { Kind } from '../../../../lib/protocol/rpc.js';
import { CallTable } from '../../../../lib/transport/wire/call-table.js';
import type { Messenger } from '../../../../lib/transport/wire/messenger.js';
import type { OutgoingCall } from '../../../../lib/transport/outgoing/outgoing-call.js';
import { Prober } from '../../../../lib/transport/outgoing/prober.js';
import { ManualClock } from '../../../support/manual-clock.js';

const instance = { id: 'i', service: 's', capabilities: { wireVersion: 2 } } as unknown as Instance;

/** One call that has values and lacks others, at an instance that has left the registry and still answers. */
function start({ isSharded = false, received = 3, lacksValues = true } = {}) {
  const clock = new ManualClock();
  const told: string[] = [];
  const redis = {
    isReady: true,
    isSharded,
    countsProve: () => true,
    msSinceReconnect: () => Infinity,
    shards: { isActive: isSharded, countSubscribers: () => Promise.resolve(1) },
  };
  const target = { view: { get: () => undefined, avoid: () => told.push('avoided') } };
  const call = { id: 1, instance, sentAt: -10_000, target, received, lacksValues, missAnswer: () => 1 };
  const calls = new CallTable<OutgoingCall>();
  calls.add(call as unknown as OutgoingCall);
  let asked = 0;
  const messenger = { channelOf: () => 'c', post: () => void asked++ } as unknown as Messenger;
  const context = { redis, clock, options: { calls: { probeAfterMs: 250 } } };
  const prober = new Prober(context as unknown as ConstructorParameters<typeof Prober>[0], messenger, calls, {
    instanceLost: () => told.push('instance lost'),
    brokenOff: () => told.push('broken off'),
    answerLost: () => told.push('answer lost'),
    neverArrived: () => told.push('never arrived'),
  });
  return { clock, prober, told, call: call as unknown as OutgoingCall, asked: () => asked };
}

describe('a probe', () => {
  it('that was sent a moment before a round does not make an instance one that does not answer', async () => {
    const { clock, prober, told, call, asked } = start();
    prober.wake();
    await clock.advance(249);
    prober.onValuesMissing(call);
    expect(asked()).toBe(1);
    await clock.advance(2);
    prober.onProbed('i', [Kind.probed, [1], [], []]);
    await clock.advance(1);
    expect(told).toEqual([]);
  });

  it('that is not answered for a round has its instance counted', async () => {
    const { clock, prober, told } = start();
    prober.wake();
    await clock.advance(501);
    expect(told).toEqual(['instance lost']);
  });

  it.each([
    ['a value is missing that is not under way any more', {}, 4, ['broken off']],
    ['it may still come', {}, 3, []],
    [
      'none is known to be missing, and one server has them in order',
      { lacksValues: false },
      4,
      ['broken off'],
    ],
    [
      'none is known to be missing, and they may take two ways',
      { lacksValues: false, isSharded: true },
      4,
      [],
    ],
  ])('ends a call only when %s', (_when, how, settled, expected) => {
    const { prober, told } = start(how);
    prober.onProbed('i', [Kind.probed, [1], [], [], [[1, settled]]]);
    expect(told).toEqual(expected);
  });
});
