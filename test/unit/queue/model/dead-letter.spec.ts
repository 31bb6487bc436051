import { isCanonical } from '../../../../lib/protocol/job.js';
import { readDeadLetter, writeDeadLetter, writeForeign } from '../../../../lib/queue/model/dead-letter.js';
import { writeJob } from '../../../../lib/queue/producer/job-writing.js';
import { readJob } from '../../../../lib/queue/model/job-text.js';
import { vectors } from '../../protocol/vectors.js';

const STAMP = { mid: 'm1', timestamp: '2000-01-01T00:00:00.000Z' };
const DEATH = {
  reason: 'no luck',
  diedOn: '2000-01-02T00:00:00.000Z',
  attempts: 2,
  history: [{ at: 1, error: 'first' }],
};

const jobText = (data: unknown, headers?: Record<string, string>) =>
  writeJob({ service: 'alpha', from: 'beta:/', pattern: 'work', data, headers }, STAMP, 10_000);

const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('a dead letter', () => {
  it.each([
    ['an object', { a: 1 }, undefined],
    ['an object with a reason of its own', { reason: 'mine' }, { tenant: 'a' }],
    ['an array', [1], undefined],
    ['nothing', undefined, undefined],
    ['a falsy value', 0, { tenant: 'a' }],
  ])('of a job with %s is that job again', (_, data, headers) => {
    const raw = jobText(data, headers);
    const text = writeDeadLetter(readJob(raw)!, DEATH);
    expect(isCanonical(text)).toBe(true);
    const dead = readDeadLetter(text)!;
    expect(dead.jobText).toBe(raw);
    expect(dead).toMatchObject({
      id: 'm1',
      pattern: 'work',
      data,
      reason: 'no luck',
      attempts: 2,
      raw: text,
    });
    expect(dead.diedAt).toEqual(new Date(DEATH.diedOn));
    expect(dead.history).toEqual(DEATH.history);
  });

  it('of text that is no message is that text again', () => {
    const dead = readDeadLetter(writeForeign('alpha', 'not { JSON', STAMP, 'not a UMF message'));
    expect(dead).toMatchObject({
      jobText: 'not { JSON',
      data: undefined,
      pattern: '',
      reason: 'not a UMF message',
    });
  });

  it('of a job that is nested too deep to be written again is that job again', () => {
    const raw = `{"to":"alpha:/","mid":"m1","typ":"work","bdy":${deep(100_000)}}`;
    const dead = readDeadLetter(writeDeadLetter(readJob(raw)!, DEATH))!;
    expect(dead.jobText === raw).toBe(true);
    expect(dead).toMatchObject({ id: 'm1', pattern: 'work', reason: 'no luck', attempts: 2 });
  });

  it('of Hydra 1.9 that is nested too deep is nothing to fall over', () => {
    const dead = readDeadLetter(`{"mid":"m1","bdy":{"reason":"no luck","a":${deep(100_000)}}}`);
    expect(dead).toMatchObject({ id: 'm1', reason: 'no luck' });
  });

  it('has no date where it says none that is one', () => {
    const text = '{"hdr":{"hydraDead":{"reason":"x","diedOn":"soon","history":[1,{"at":1,"error":"e"}]}}}';
    expect(readDeadLetter(text)).toMatchObject({ diedAt: undefined, history: [{ at: 1, error: 'e' }] });
  });

  it('that Hydra 1.9 wrote is read with its reason, and is without it again', () => {
    const { headFirst } = vectors<{ failed: { headFirst: string[] } }>('queue').failed;
    const dead = readDeadLetter(headFirst[0]!)!;
    expect(dead).toMatchObject({
      id: 'm2',
      pattern: 'job',
      data: { job: 2 },
      reason: 'no luck',
      history: [],
    });
    expect(dead.diedAt).toBeUndefined();
    expect(readJob(dead.jobText)?.data).toEqual({ job: 2 });
  });

  it.each(['', 'x', '[]', '{"hdr":{"hydraDead":5}}', '{"hdr":{"hydraDead":{"reason":1}}}'])(
    'is nothing to fall over when it reads %j',
    (text) => {
      expect(() => readDeadLetter(text)).not.toThrow();
    },
  );
});
