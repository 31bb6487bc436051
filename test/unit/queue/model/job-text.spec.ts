import { writeJob } from '../../../../lib/queue/producer/job-writing.js';
import { isCanonical } from '../../../../lib/protocol/job.js';
import { readJob } from '../../../../lib/queue/model/job-text.js';
import { vectors } from '../../protocol/vectors.js';

const STAMP = { mid: 'm1', timestamp: '2000-01-01T00:00:00.000Z' };
const BASE = { service: 'alpha', from: 'beta:/', pattern: 'work' };

describe('the text of a job', () => {
  it('is a short UMF message, and no more than that where a plain one will do', () => {
    expect(writeJob({ ...BASE, data: { job: 1 } }, STAMP, 10_000)).toBe(
      '{"to":"alpha:/","frm":"beta:/","mid":"m1","ts":"2000-01-01T00:00:00.000Z","typ":"work","ver":"UMF/1.4.6","bdy":{"job":1}}',
    );
  });

  it.each([{ a: 1 }, [1, 'é€😀', null], 'text', 1.5, true, 0, false, '', null, undefined])(
    'gives %p back',
    (data) => {
      const raw = writeJob({ ...BASE, data }, STAMP, 10_000);
      expect(isCanonical(raw)).toBe(true);
      expect(readJob(raw)?.data).toEqual(data);
    },
  );

  it('gives bytes back', () => {
    const raw = writeJob({ ...BASE, data: { blob: Buffer.from([0, 255]) } }, STAMP, 10_000);
    expect(readJob(raw)?.data).toEqual({ blob: Buffer.from([0, 255]) });
  });

  it('carries settings beside the headers of its producer', () => {
    const backoff = { type: 'fixed', delayMs: 5 } as const;
    const job = { ...BASE, data: 1, headers: { tenant: 'a' }, attempts: 7, backoff, timeoutMs: 9 };
    expect(readJob(writeJob(job, STAMP, 10_000))).toMatchObject({
      headers: { tenant: 'a' },
      settings: { attempts: 7, backoff, timeoutMs: 9 },
    });
  });

  it.each([
    [{ attempts: 0, backoff: -1, timeoutMs: 1.5 }],
    [{ attempts: '3', backoff: { type: 'fixed' }, timeoutMs: null }],
    [{ attempts: 1e30, backoff: { type: 'x', delayMs: 1 } }],
    [[1]],
    ['text'],
  ])('does not hear the settings %j of a stranger', (hydraJob) => {
    const raw = JSON.stringify({ to: 'alpha:/', mid: 'm1', typ: 'work', hdr: { hydraJob }, bdy: 1 });
    expect(readJob(raw)?.settings).toEqual({ attempts: undefined, backoff: undefined, timeoutMs: undefined });
  });

  it.each(['', 'x', '1', '[]', 'null', '{"a"'])('is none when it reads %j', (raw) => {
    expect(readJob(raw)).toBeUndefined();
  });

  it('is read as Hydra 1.9 wrote it', () => {
    const { headFirst } = vectors<{ queued: { headFirst: string[] } }>('queue').queued;
    const jobs = headFirst.map((raw) => readJob(raw));
    expect(jobs.map((job) => [job?.id, job?.pattern, job?.data])).toEqual([
      ['m2', 'job', { job: 2 }],
      ['00000000-0000-4000-8000-000000000001', 'job', { job: 1, text: 'é €', number: 1.5 }],
    ]);
  });
});
