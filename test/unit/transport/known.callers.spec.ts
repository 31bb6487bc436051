import type { Peer } from '../../../lib/transport/channel.js';
import type { IncomingCall } from '../../../lib/transport/incoming.call.js';
import { KnownCallers } from '../../../lib/transport/known.callers.js';

const MOST = 2_000;
const peer = (n: number): Peer => ({
  address: `${n}@crowd:/`,
  id: `${n}`,
  service: 'crowd',
  channel: `c${n}`,
});

describe('the callers of an instance', () => {
  it('are known to have sent nothing until they do', () => {
    const callers = new KnownCallers('me@here:/');
    expect(callers.isUnknown(peer(1), 1)).toBe(true);
    callers.of(peer(1)).seen.add(1);
    expect([callers.isUnknown(peer(1), 1), callers.isUnknown(peer(1), 2)]).toEqual([false, true]);
  });

  it('that are forgotten leave doubt of every id that one of them may have used', () => {
    const callers = new KnownCallers('me@here:/');
    callers.of(peer(0)).seen.add(50);
    for (let n = 1; n <= MOST; n++) callers.of(peer(n)).seen.add(n % 10);
    expect(callers.find(peer(0))).toBeUndefined();
    expect([callers.isUnknown(peer(0), 50), callers.isUnknown(peer(0), 51)]).toEqual([false, true]);
    // One that comes back late, with an older call, is not believed to be new.
    callers.of(peer(0)).seen.add(40);
    expect([callers.isUnknown(peer(0), 50), callers.isUnknown(peer(0), 51)]).toEqual([false, true]);
  });

  it('are forgotten by their idleness, and never while they have a call in hand', () => {
    const callers = new KnownCallers('me@here:/');
    const busy = callers.of(peer(0));
    busy.running.add({ id: 1 } as IncomingCall);
    for (let n = 1; n <= MOST * 3; n++) callers.of(peer(n)).seen.add(1);
    expect(callers.find(peer(0))).toBe(busy);
    expect(callers.find(peer(MOST * 3))).toBeDefined();
    expect(callers.find(peer(1))).toBeUndefined();
  });

  it('keep their record while they call on, whoever comes and goes beside them', () => {
    const callers = new KnownCallers('me@here:/');
    const regular = callers.of(peer(0));
    for (let n = 1; n <= MOST * 5; n++) {
      callers.of(peer(n)).seen.add(1);
      callers.of(peer(0));
    }
    expect(callers.find(peer(0))).toBe(regular);
  });
});
