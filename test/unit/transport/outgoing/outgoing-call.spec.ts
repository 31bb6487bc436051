import type { WritePacket } from '@nestjs/microservices';

import { HydraError, type Instance } from '../../../../lib/index.js';
import { Kind, type Item } from '../../../../lib/protocol/rpc.js';
import {
  OutgoingCall,
  type CallRequest,
  type CallTarget,
} from '../../../../lib/transport/outgoing/outgoing-call.js';

const [a, b] = ['a', 'b'].map((id) => ({ id }) as Instance) as [Instance, Instance];

/** In floating point this + 20,000 - this is a little more than 20,000. */
const FRACTION = 247_169.699_412_186_14;

function makeCall(timeoutMs = 1_000, startedAt = 100) {
  const answers: WritePacket[] = [];
  const reply = (packet: WritePacket) => void answers.push(packet);
  const parts = { reply, startedAt, observed: undefined };
  const call = new OutgoingCall(7, { pattern: 'sum', timeoutMs } as CallRequest, {} as CallTarget, parts);
  return { call, answers };
}

const send = (call: OutgoingCall, instance: Instance) => call.sent(instance, 100, undefined, undefined);

describe('a call going out', () => {
  it('has its deadline from its start, and no instance before it is sent', () => {
    const { call } = makeCall();
    expect([call.state, call.deadlineAt, call.instance, call.attempts]).toEqual([
      'choosing',
      1_100,
      undefined,
      0,
    ]);
  });

  it('has no more time left than it had, whatever fractions its start has', () => {
    const { call } = makeCall(20_000, FRACTION);
    expect(call.deadlineAt - FRACTION).toBeGreaterThan(20_000);
    expect([call.remainingMs(FRACTION), call.remainingMs(FRACTION + 0.5)]).toEqual([20_000, 20_000]);
    expect(call.remainingMs(FRACTION + 19_999.5)).toBe(1);
  });

  it('belongs to one instance while it is sent, and to none after that', () => {
    const { call } = makeCall();
    send(call, a);
    expect([call.state, call.instance, call.sentAt, call.attempts]).toEqual(['sent', a, 100, 1]);
    call.detach();
    expect([call.state, call.instance, call.sentAt]).toEqual(['choosing', undefined, undefined]);
    send(call, b);
    call.end();
    expect([call.state, call.isOver, call.instance, call.attempts]).toEqual(['over', true, undefined, 2]);
    call.detach();
    expect(call.state).toBe('over');
  });

  it('leaves out the instances that it must not go to again, until all may have it', () => {
    const { call } = makeCall();
    for (const instance of [a, b]) {
      send(call, instance);
      call.exclude();
      call.detach();
    }
    expect([...(call.tried ?? [])]).toEqual(['a', 'b']);
    call.readmitAll();
    expect(call.tried).toBeUndefined();
  });

  it('may go once more to the instance that it got lost on the way to', () => {
    const { call } = makeCall();
    send(call, a);
    call.missed();
    call.exclude();
    call.detach();
    expect([call.readmitMissed(), [...(call.tried ?? [])]]).toEqual([true, []]);
    expect(call.readmitMissed()).toBe(false);
  });

  it('keeps parts of its answer that come early until it is their turn, and forgets them with the attempt', () => {
    const { call } = makeCall();
    send(call, a);
    const part = (n: number): Item => [Kind.value, 1, n, 'value'];
    expect([call.keepEarly(2, part(2)), call.keepEarly(1, part(1)), call.keepEarly(1, part(1))]).toEqual([
      1, 2, 2,
    ]);
    expect([call.lacksValues, call.takeEarly()]).toEqual([true, undefined]);
    call.countValue();
    expect(call.takeEarly()).toEqual(part(1));
    call.countValue();
    expect([call.takeEarly(), call.received, call.lacksValues]).toEqual([part(2), 2, false]);
    call.keepEarly(9, part(9));
    call.detach();
    expect([call.lacksValues, call.keepEarly(9, part(9))]).toEqual([false, 0]);
  });

  it('counts what probes did not find anew for each attempt', () => {
    const { call } = makeCall();
    send(call, a);
    expect([call.missAnswer(0, 100), call.missAnswer(99, 100), call.missAnswer(100, 100)]).toEqual([1, 1, 2]);
    expect(call.missArrival()).toBe(1);
    call.detach();
    expect([call.missAnswer(200, 100), call.missArrival()]).toEqual([0, 0]);
    send(call, b);
    expect([call.missAnswer(200, 100), call.missArrival()]).toEqual([1, 1]);
  });

  it('has waited since it first found nobody to go to', () => {
    const { call } = makeCall();
    expect([call.waitedMs(300), call.waitedMs(450)]).toEqual([0, 150]);
  });

  it('remembers why its last attempt ended, and that it may have been executed', () => {
    const { call } = makeCall();
    const refusal = new HydraError('OVERLOADED', 'full');
    expect([call.lastRefusal, call.mayHaveRun]).toEqual([undefined, false]);
    call.refusedWith(refusal);
    call.setUncertain();
    expect([call.lastRefusal, call.mayHaveRun]).toEqual([refusal, true]);
  });

  it('gives its answers to whoever made it', () => {
    const { call, answers } = makeCall();
    call.respond({ response: 3, isDisposed: true });
    expect(answers).toEqual([{ response: 3, isDisposed: true }]);
  });
});
