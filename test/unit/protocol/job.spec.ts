import { describe, expect, it } from '@jest/globals';
import { decodeJob, encodeJob, isCanonical } from '../../../lib/protocol/job.js';
import { createMessage } from '../../../lib/protocol/message.js';
import { vectors } from './vectors.js';

interface List {
  headFirst: string[];
}

const recorded = vectors<{
  queued: List;
  taken: List;
  failed: List;
  removal: { raw: string; removed: boolean }[];
}>('queue');

const elements = [recorded.queued, recorded.taken, recorded.failed].flatMap((list) => list.headFirst);

describe('a job', () => {
  it.each(elements)('that hydra queued is written again with the same bytes: %s', (raw) => {
    const job = decodeJob(raw);
    expect(job?.raw).toBe(raw);
    expect(job && encodeJob(job.message)).toBe(raw);
  });

  it('keeps the text of an element that is not canonical', () => {
    const raw = ' {"to":"math:/", "bdy":{"a":1.0}}';
    expect(decodeJob(raw)).toMatchObject({ raw, message: { to: 'math:/', body: { a: 1 } } });
  });

  it.each(['', 'x', '5', '[]', 'null'])('is nothing for %j', (raw) => {
    expect(decodeJob(raw)).toBeUndefined();
  });
});

describe('an element of a queue', () => {
  it.each(recorded.removal)(
    'is canonical exactly when hydra can remove it ($removed): $raw',
    ({ raw, removed }) => {
      expect(isCanonical(raw)).toBe(removed);
    },
  );

  it.each([
    { 2: 'b', 1: 'a' },
    { text: 'é € 😀 \ud800 \u2028 / \\ " \n \u0001' },
    { numbers: [1, -0, 1e21, 1e-7, 0.1, Number.MAX_SAFE_INTEGER, NaN, Infinity] },
    { when: new Date(0), nothing: undefined, list: [undefined, () => 1] },
    JSON.parse('{"__proto__":{"a":1},"":""}') as object,
  ])('is canonical whatever the body: %j', (body) => {
    const stamp = { mid: 'm', timestamp: 't' };
    expect(isCanonical(encodeJob(createMessage({ to: 'a:/', from: 'b:/', body }, stamp)))).toBe(true);
  });

  it('is not canonical when it is not JSON, or nested too deep to write', () => {
    expect(isCanonical('not json')).toBe(false);
    expect(isCanonical(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBe(false);
  });
});
