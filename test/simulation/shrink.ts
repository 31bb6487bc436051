import { runSeed, type RunResult } from './run.js';
import { isOfProcess } from './faults/fault.js';
import type { Plan } from './faults/plan.js';

/** How many runs a failure is worth. */
const MAX_RUNS = 40;

/** A failure of a smaller world: fewer faults, fewer processes. */
export interface Shrunk {
  readonly result: RunResult;
  /** What of the seed's plan is left: `f0,f3` are faults, `m1` is a member. */
  readonly only: string;
}

/** Makes a failure smaller, as long as the same rule is broken. */
export async function shrink(failed: RunResult, run: typeof runSeed = runSeed): Promise<Shrunk> {
  const rule = failed.violations[0]!.rule;
  let kept = allOf(failed.plan);
  let result = failed;
  let runs = 0;
  for (let isSmaller = true; isSmaller && runs < MAX_RUNS;) {
    isSmaller = false;
    for (const part of kept) {
      if (runs++ >= MAX_RUNS) break;
      const fewer = without(failed.plan, kept, part);
      const tried = await run(failed.seed, { plan: partOf(failed.plan, fewer) });
      if (!tried.violations.some((violation) => violation.rule === rule)) continue;
      [kept, result, isSmaller] = [fewer, tried, true];
    }
  }
  return { result, only: kept.join(',') };
}

/** The plan of a seed without what is not named. */
export function partOf(plan: Plan, only: readonly string[]): Plan {
  const kept = new Set(only);
  return {
    members: plan.members.filter((_, index) => kept.has(`m${index}`)),
    faults: plan.faults.filter((_, index) => kept.has(`f${index}`)),
  };
}

function allOf({ members, faults }: Plan): readonly string[] {
  return [...faults.keys()]
    .map((index) => `f${index}`)
    .concat([...members.keys()].map((index) => `m${index}`));
}

/** What is done to a process that is not there is no fault. */
function without(plan: Plan, kept: readonly string[], part: string): readonly string[] {
  const rest = kept.filter((one) => one !== part);
  const names = new Set(partOf(plan, rest).members.map(({ name }) => name));
  return rest.filter((one) => {
    const fault = one.startsWith('f') ? plan.faults[Number(one.slice(1))]! : undefined;
    return !fault || !isOfProcess(fault) || names.has(fault.who);
  });
}
