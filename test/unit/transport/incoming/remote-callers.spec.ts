import type { RemoteInstance } from '../../../../lib/transport/wire/remote-instances.js';
import { FrameSeries } from '../../../../lib/transport/wire/frame-series.js';
import type { IncomingCall } from '../../../../lib/transport/incoming/incoming-call.js';
import { RemoteCallers } from '../../../../lib/transport/incoming/remote-callers.js';

const MAX_CALLERS = 2_000;
const peer = (n: number): RemoteInstance => ({
  address: `${n}@crowd:/`,
  id: `${n}`,
  service: 'crowd',
  replyChannel: `c${n}:r`,
  unheard: new Map(),
  requests: new FrameSeries(),
  replies: new FrameSeries(),
});

describe('the callers of an instance', () => {
  it('are known to have sent nothing until they do', () => {
    const callers = new RemoteCallers('me@here:/');
    expect(callers.deny(peer(2), 1)).toBe(true);
    callers.of(peer(1)).seen.add(1);
    expect([callers.deny(peer(1), 1), callers.deny(peer(1), 2)]).toEqual([false, true]);
  });

  it('that are forgotten leave doubt of every id that one of them may have used', () => {
    const callers = new RemoteCallers('me@here:/');
    callers.of(peer(0)).seen.add(50);
    for (let n = 1; n <= MAX_CALLERS; n++) callers.of(peer(n)).seen.add(n % 10);
    expect(callers.find(peer(0))).toBeUndefined();
    expect([callers.deny(peer(0), 50), callers.deny(peer(0), 51)]).toEqual([false, true]);
    // One that comes back late, with an older call, is not believed to be new.
    callers.of(peer(0)).seen.add(40);
    expect([callers.deny(peer(0), 50), callers.deny(peer(0), 51)]).toEqual([false, true]);
  });

  it('may not send a call any more that was said never to have come, however long ago', () => {
    const callers = new RemoteCallers('me@here:/');
    callers.accept(callers.of(peer(0)), 5);
    expect([callers.deny(peer(0), 5), callers.deny(peer(0), 4)]).toEqual([false, true]);
    expect([callers.isDenied(peer(0), 5), callers.isDenied(peer(0), 4)]).toEqual([false, true]);
    expect(callers.accept(callers.of(peer(0)), 4)).toBe(false);
    for (let n = 1; n <= MAX_CALLERS * 3; n++) callers.accept(callers.of(peer(n)), 9);
    expect(callers.find(peer(0))).toBeUndefined();
    expect(callers.accept(callers.of(peer(0)), 4)).toBe(false);
    expect(callers.accept(callers.of(peer(0)), 200_000)).toBe(true);
    expect(callers.accept(callers.of(peer(0)), 4)).toBe(false);
    expect(callers.deny(peer(0), 4)).toBe(true);
  });

  it('are forgotten by their idleness, and never while they have a call in hand', () => {
    const callers = new RemoteCallers('me@here:/');
    const busy = callers.of(peer(0));
    busy.running.add({ id: 1 } as IncomingCall);
    for (let n = 1; n <= MAX_CALLERS * 3; n++) callers.of(peer(n)).seen.add(1);
    expect(callers.find(peer(0))).toBe(busy);
    expect(callers.find(peer(MAX_CALLERS * 3))).toBeDefined();
    expect(callers.find(peer(1))).toBeUndefined();
  });

  it('keep their record while they call on, whoever comes and goes beside them', () => {
    const callers = new RemoteCallers('me@here:/');
    const regular = callers.of(peer(0));
    for (let n = 1; n <= MAX_CALLERS * 5; n++) {
      callers.of(peer(n)).seen.add(1);
      callers.of(peer(0));
    }
    expect(callers.find(peer(0))).toBe(regular);
  });
});
