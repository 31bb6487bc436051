import type { BalancerView } from '../../../../lib/index.js';
import {
  createBalancer,
  powerOfTwoChoices,
  roundRobin,
} from '../../../../lib/registry/discovery/balancer.js';
import { systemRandom } from '../../../../lib/runtime/random-source.js';
import { instancesOf } from './instances.js';

const twoChoices = powerOfTwoChoices(systemRandom);

function viewOf(inFlight: Record<string, number> = {}, latencyMs: Record<string, number> = {}): BalancerView {
  return {
    pattern: 'sum',
    inFlight: ({ id }) => inFlight[id] ?? 0,
    latencyMs: ({ id }) => latencyMs[id] ?? 0,
  };
}

function draws(choose: () => string | undefined, times: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let draw = 0; draw < times; draw++) {
    const id = choose() ?? 'nobody';
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts;
}

describe('the p2c balancer', () => {
  const [a, b] = instancesOf(2) as [ReturnType<typeof instancesOf>[0], ReturnType<typeof instancesOf>[0]];

  it('takes the one with fewer calls in flight', () => {
    const view = viewOf({ [a.id]: 5, [b.id]: 1 });
    expect(draws(() => twoChoices([a, b], view)?.id, 100)).toEqual({ [b.id]: 100 });
  });

  it('takes the faster one where both are idle, and a new one before both', () => {
    const view = viewOf({}, { [a.id]: 20, [b.id]: 2 });
    expect(draws(() => twoChoices([a, b], view)?.id, 100)).toEqual({ [b.id]: 100 });
    const fresh = viewOf({}, { [a.id]: 20 });
    expect(twoChoices([a, b], fresh)).toBe(b);
  });

  it.each([1, 10, 100])(
    'leaves out one ten times slower, however many calls the others have: %i',
    (calls) => {
      const view = viewOf({ [a.id]: calls, [b.id]: 0 }, { [a.id]: 2, [b.id]: 20 });
      expect(twoChoices([a, b], view)).toBe(a);
    },
  );

  it('comes back to a slightly slower one when the other has many calls more', () => {
    const view = viewOf({ [a.id]: 20, [b.id]: 5 }, { [a.id]: 2, [b.id]: 2.5 });
    expect(twoChoices([a, b], view)).toBe(b);
  });

  it('spreads evenly over equals, and never takes the worst of many', () => {
    const instances = instancesOf(10);
    const counts = draws(() => twoChoices(instances, viewOf())?.id, 10_000);
    expect(Object.keys(counts)).toHaveLength(10);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(700);
    const worst = instances[4]!.id;
    expect(draws(() => twoChoices(instances, viewOf({ [worst]: 9 }))?.id, 1_000)).not.toHaveProperty(worst);
  });
});

describe('the other balancers', () => {
  const instances = instancesOf(3);

  it('take turns: round-robin', () => {
    const balancer = roundRobin(systemRandom);
    expect(draws(() => balancer(instances, viewOf())?.id, 30)).toEqual(
      Object.fromEntries(instances.map(({ id }) => [id, 10])),
    );
  });

  it('draw: random', () => {
    const balancer = createBalancer('random', systemRandom);
    const counts = draws(() => balancer(instances, viewOf())?.id, 3_000);
    for (const { id } of instances) expect(counts[id]).toBeGreaterThan(800);
  });

  it('are the function that was given', () => {
    const own = () => instances[2];
    expect(createBalancer(own, systemRandom)).toBe(own);
  });
});
