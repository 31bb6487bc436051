import { createJobId, timeOfId } from '../../../../lib/queue/model/job-id.js';
import { systemRandom } from '../../../../lib/runtime/random-source.js';

const NOW = Date.parse('2026-03-28T12:00:00.123Z');

describe('the id of a job', () => {
  it('is a UUID that says when it was made, and begins at random', () => {
    const ids = Array.from({ length: 100 }, () => createJobId(systemRandom, NOW + 0.5));
    expect(ids.map(timeOfId)).toEqual(ids.map(() => NOW));
    expect(
      ids.every((id) => /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(id)),
    ).toBe(true);
    expect(new Set(ids.map((id) => id.slice(0, 8))).size).toBeGreaterThan(90);
  });

  it.each(['', 'chosen', systemRandom.uuid(), `${createJobId(systemRandom, NOW)}0`])(
    '%j says no time',
    (id) => {
      expect(timeOfId(id)).toBeUndefined();
    },
  );
});
