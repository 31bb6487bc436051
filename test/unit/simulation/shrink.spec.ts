import type { Plan } from '../../simulation/faults/plan.js';
import type { RunResult } from '../../simulation/run.js';
import { shrink } from '../../simulation/shrink.js';

const RULE = 'no accepted job is lost';

const PLAN: Plan = {
  members: [
    ...[1, 2, 3].map((n) => ({ name: `callee${n}`, role: 'callee' as const })),
    ...[1, 2].map((n) => ({ name: `caller${n}`, role: 'caller' as const })),
    ...[1, 2, 3].map((n) => ({ name: `worker${n}`, role: 'worker' as const })),
    ...[1, 2].map((n) => ({ name: `producer${n}`, role: 'producer' as const })),
  ],
  faults: [
    { kind: 'freeze', at: 5_000, who: 'callee2', forMs: 300 },
    { kind: 'kill', at: 6_000, who: 'worker2', forMs: 1_000 },
    { kind: 'redis frozen', at: 7_000, forMs: 400 },
    { kind: 'cut', at: 8_000, who: 'worker2' },
    { kind: 'redis emptied', at: 9_000 },
  ],
};

/** A world that breaks the rule where a job of a producer is with a worker that is killed. */
function run(seed: number, plan: Plan): RunResult {
  const names = plan.members.map(({ name }) => name);
  const isKilled = plan.faults.some((fault) => fault.kind === 'kill' && names.includes(fault.who));
  const isBroken = isKilled && names.some((name) => name.startsWith('producer'));
  const violations = isBroken ? [{ rule: RULE, what: 'job producer1/3 is lost in the end' }] : [];
  return { seed, plan, digest: '', log: [], facts: [], violations, happened: 0 };
}

describe('a failure of ten members and five faults', () => {
  it('is shown with those alone without which it is none', async () => {
    const runs: Plan[] = [];
    const { result, only } = await shrink(run(7, PLAN), (seed, { plan } = {}) => {
      runs.push(plan!);
      return Promise.resolve(run(seed, plan!));
    });
    expect(result.plan.members.map(({ name }) => name)).toEqual(['worker2', 'producer2']);
    expect(result.plan.faults.map(({ kind }) => kind)).toEqual(['kill']);
    expect(only).toBe('f1,m6,m9');
    expect(result.violations[0]!.rule).toBe(RULE);
    expect(runs.length).toBeLessThanOrEqual(40);
  });

  it('does nothing to a process that is left out', async () => {
    const { result } = await shrink(run(7, PLAN), (seed, { plan } = {}) => {
      const names = plan!.members.map(({ name }) => name);
      expect(plan!.faults.every((fault) => !('who' in fault) || names.includes(fault.who))).toBe(true);
      return Promise.resolve(run(seed, plan!));
    });
    expect(result.violations).toHaveLength(1);
  });

  it('keeps all of it where every part is needed', async () => {
    const { only } = await shrink(run(7, PLAN), (seed, { plan } = {}) =>
      Promise.resolve({ ...run(seed, plan!), violations: [] }),
    );
    expect(only.split(',')).toHaveLength(PLAN.members.length + PLAN.faults.length);
  });
});
