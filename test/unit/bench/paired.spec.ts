import { intervalOf, isBeyond, verdictOf, type Interval } from '../../bench/support/paired.js';

const PRECISION = 0.02;

/** Gauss, by Box and Muller, from a generator that gives the same numbers each time. */
function* noise(seed: number): Generator<number, never> {
  let state = seed;
  const uniform = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  for (;;) yield Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

function rounds(count: number, { ratio, spread, seed }: { ratio: number; spread: number; seed: number }) {
  const source = noise(seed);
  return Array.from({ length: count }, () => Math.log(ratio) + spread * source.next().value);
}

describe('the interval of paired rounds', () => {
  it('is as long as tables of Student’s distribution say', () => {
    // Mean 0, standard deviation 1, five rounds: 4.604 / √5.
    const { ratio, low, high } = intervalOf([-1, -1, 0, 1, 1]);
    expect(ratio).toBeCloseTo(1, 10);
    expect(Math.log(high)).toBeCloseTo(4.604 / Math.sqrt(5), 1);
    expect(Math.log(low)).toBeCloseTo(-Math.log(high), 10);
    // 29 degrees of freedom: 2.756.
    const many = Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? 0.01 : -0.01));
    expect(Math.log(intervalOf(many).high) / (0.01 / Math.sqrt(29))).toBeCloseTo(2.756, 2);
  });

  it('has no bounds before there are two rounds', () => {
    const interval = intervalOf([0.1]);
    expect(interval.halfWidth).toBe(Infinity);
    expect(verdictOf(interval, PRECISION)).toBe('cannot tell');
    expect(verdictOf(intervalOf([]), PRECISION)).toBe('cannot tell');
  });

  it('holds the true ratio in about 99 of 100 cases', () => {
    const cases = Array.from({ length: 1_000 }, (_, n) =>
      intervalOf(rounds(10, { ratio: 1.03, spread: 0.05, seed: n + 1 })),
    );
    const held = cases.filter(({ low, high }) => low <= 1.03 && high >= 1.03).length;
    expect(held).toBeGreaterThan(975);
    expect(held).toBeLessThan(1_000);
  });
});

describe('the verdict on an interval', () => {
  it.each<[what: string, logRatios: number[], verdict: string]>([
    ['less is less', rounds(20, { ratio: 0.95, spread: 0.02, seed: 1 }), 'less'],
    ['more is more', rounds(20, { ratio: 1.05, spread: 0.02, seed: 2 }), 'more'],
    ['narrow and around 1 is the same', rounds(20, { ratio: 1, spread: 0.02, seed: 3 }), 'no difference'],
    ['wide and around 1 says nothing', rounds(6, { ratio: 1.02, spread: 0.2, seed: 4 }), 'cannot tell'],
  ])('%s', (_what, logRatios, verdict) => {
    expect(verdictOf(intervalOf(logRatios), PRECISION)).toBe(verdict);
  });

  it('claims nothing from few rounds, however well they agree', () => {
    const interval = intervalOf([0.1, 0.1001, 0.1002, 0.1003]);
    expect(interval.low).toBeGreaterThan(1.1);
    expect(verdictOf(interval, PRECISION)).toBe('cannot tell');
    expect(isBeyond(interval, 0.03, false)).toBe(false);
  });

  it('is beyond a limit only when the whole interval is, on the bad side', () => {
    const at = (low: number, high: number): Interval => ({
      rounds: 6,
      ratio: (low + high) / 2,
      low,
      high,
      halfWidth: 0,
    });
    expect(isBeyond(at(0.9, 0.96), 0.03, true)).toBe(true);
    expect(isBeyond(at(0.9, 0.98), 0.03, true)).toBe(false);
    expect(isBeyond(at(1.04, 1.1), 0.03, true)).toBe(false);
    expect(isBeyond(at(1.04, 1.1), 0.03, false)).toBe(true);
    expect(isBeyond(at(1.02, 1.1), 0.03, false)).toBe(false);
    expect(isBeyond(at(0.5, 0.6), Infinity, true)).toBe(false);
  });
});
