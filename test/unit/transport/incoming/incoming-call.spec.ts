import type { BoundHandler } from '../../../../lib/delivery/source.js';
import { IncomingCall, untracked } from '../../../../lib/transport/incoming/incoming-call.js';
import { NO_REPLIES } from '../../../../lib/transport/incoming/replies.js';
import { ManualClock } from '../../../support/manual-clock.js';

function makeCall() {
  const clock = new ManualClock();
  const call = new IncomingCall(
    {
      id: 7,
      handler: { pattern: 'sum' } as BoundHandler,
      data: [1, 2],
      metadata: undefined,
      caller: untracked('c@web:/', 'i@math:/'),
      deadlineAt: 1_000,
      replies: NO_REPLIES,
      message: undefined,
    },
    clock,
  );
  return { clock, call };
}

describe('a call coming in', () => {
  it('waits in line, decodes, runs, answers and is over', () => {
    const { call } = makeCall();
    const states = [call.state];
    call.start(5, true);
    states.push(call.state);
    call.run();
    states.push(call.state);
    expect([call.isUnbegun, call.handlerReturned(), call.startedAt]).toEqual([false, false, 5]);
    states.push(call.state);
    call.finish();
    states.push(call.state);
    expect([call.isSettled, call.isOver, call.end()]).toEqual([true, false, true]);
    states.push(call.state);
    expect(states).toEqual(['queued', 'decoding', 'running', 'answering', 'finishing', 'over']);
  });

  it('frees its place at once where its caller goes before the handler was called', () => {
    const { call } = makeCall();
    expect([call.isUnbegun, call.end(), call.state]).toEqual([true, true, 'over']);
  });

  it('keeps its place until the handler has returned where its caller goes before that', () => {
    const { call } = makeCall();
    call.start(5, false);
    expect([call.end(), call.state, call.isOver]).toEqual([false, 'abandoned', true]);
    expect([call.handlerReturned(), call.state]).toEqual([true, 'over']);
  });

  it('tells its stream of room, and stops it', () => {
    const { call } = makeCall();
    const told: string[] = [];
    call.onRoom();
    call.stopStream();
    call.stream({ isOpen: true, onRoom: () => told.push('room'), stop: () => told.push('stop') });
    expect(call.isStreaming).toBe(true);
    call.onRoom();
    call.stopStream();
    expect(told).toEqual(['room', 'stop']);
  });

  it('says when it came by the clock of its instance', async () => {
    const { clock, call } = makeCall();
    await clock.advance(1_500);
    expect(call.receivedOn).toBe(new Date(clock.now()).toISOString());
  });
});
