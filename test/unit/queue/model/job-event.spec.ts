import { readEnd, readEvents } from '../../../../lib/queue/model/job-event.js';
import { readState } from '../../../../lib/queue/model/job-state.js';

const done = { type: 'completed', id: 'a', pattern: 'p', attempt: 1, finishedOn: 1, tookMs: 1 };
const failed = { type: 'failed', id: 'a', pattern: 'p', attempt: 1, error: 'e', retryInMs: 1 };
const dead = { type: 'dead', id: 'a', pattern: 'p', attempt: 1, error: 'e' };
const progress = { type: 'progress', id: 'a', pattern: 'p', value: null };
const odd = ['1', 'null', '[]', '"x"', '{}', 'x', '', '[1,null,"x",[],{}]', '{"length":1}', '\u0000\ufffd'];

describe('what is read from the channel of events', () => {
  it('is what workers write', () => {
    const events = [done, failed, dead, progress];
    const { finishedOn, ...rest } = done;
    const completed = { ...rest, finishedAt: new Date(finishedOn) };
    expect(readEvents(JSON.stringify(events))).toEqual([completed, failed, dead, progress]);
    expect(readEnd(JSON.stringify(done))).toEqual(completed);
  });

  it.each(odd)('is nothing where a stranger published %j', (text) => {
    expect([...readEvents(text)]).toEqual([]);
    expect(readEnd(text)).toBeUndefined();
  });

  it('leaves out what lacks a member', () => {
    const short = [done, failed, dead].flatMap((event) =>
      Object.keys(event).map((name) => ({ ...event, [name]: undefined })),
    );
    expect(readEvents(JSON.stringify([...short, progress]))).toEqual([progress]);
  });
});

describe('what is remembered of a job', () => {
  it.each(odd)('is nothing where a stranger wrote %j', (text) => {
    expect(readState(text)).toEqual({});
  });

  it('is only what fits', () => {
    const text = '{"failures":"1","lost":2,"alone":1,"history":[{"at":1,"error":"e"},{"at":"1"}],"x":[]}';
    expect(readState(text)).toEqual({ lost: 2, history: [{ at: 1, error: 'e' }] });
  });
});
