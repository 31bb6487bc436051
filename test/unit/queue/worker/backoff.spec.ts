import { systemRandom } from '../../../../lib/runtime/random-source.js';
import { backoffMs } from '../../../../lib/queue/worker/backoff.js';

describe('the wait before the next attempt', () => {
  it('is what was said', () => {
    expect(backoffMs(250, 4, '', systemRandom)).toBe(250);
    expect(backoffMs({ type: 'fixed', delayMs: 30 }, 4, '', systemRandom)).toBe(30);
  });

  it('doubles up to a limit', () => {
    const rule = { type: 'exponential', delayMs: 100, maxMs: 1_000, jitter: false } as const;
    expect([1, 2, 3, 4, 5, 5_000].map((attempt) => backoffMs(rule, attempt, '', systemRandom))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it('is drawn from the upper half', () => {
    const rule = { type: 'exponential', delayMs: 100 } as const;
    expect(
      [0, 0.5, 1].map((random) => backoffMs(rule, 1, '', { ...systemRandom, float: () => random })),
    ).toEqual([50, 75, 100]);
  });

  it('may be a function of the attempt and its error, which is not trusted', () => {
    expect(backoffMs((attempt, error) => attempt * error.length, 3, 'four', systemRandom)).toBe(12);
    for (const wrong of [NaN, -1, undefined, 'x'])
      expect(backoffMs((() => wrong) as never, 1, '', systemRandom)).toBe(0);
    expect(backoffMs(() => Infinity, 1, '', systemRandom)).toBe(Number.MAX_SAFE_INTEGER);
  });
});
