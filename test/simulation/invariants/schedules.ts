import { TICK_MS } from '../actors/jobs.js';
import { FAULTS_END_AT } from '../faults/plan.js';
import { groupBy, type Invariant } from './evidence.js';

/** How long after all faults a schedule may still need. */
const WELL_AFTER_MS = 8_000;
const LAST_AT = 57_000;
const START = 1_700_000_000_000;

/** Each tick of a schedule adds one job, and once all is well none is missing. */
export const ticksAreOne: Invariant = (evidence) => {
  const done = evidence
    .all('job ended')
    .filter(({ pattern, outcome }) => pattern === 'tick' && outcome === 'done');
  const byTick = groupBy(done, ({ id }) => Number(String(id).split(':')[1]) - START);
  const twice = [...byTick].flatMap(([tick, all]) => {
    const [first, second] = all;
    if (!second || evidence.isTouchedByLoss(tick - TICK_MS, second.at)) return [];
    const isExcused =
      evidence.wasDisturbed(first!.who, first!.at - 10_000, second.at) ||
      evidence.wasKilled(first!.who) ||
      evidence.redisWasDisturbed(first!.at - 10_000, second.at);
    return isExcused ? [] : [`tick ${tick} was done at ${first!.at} and at ${second.at}`];
  });
  return [...twice, ...missing(evidence, byTick)];
};

function missing(evidence: Parameters<Invariant>[0], done: ReadonlyMap<number, unknown>): string[] {
  if (evidence.all('schedule set').length === 0) return [];
  const found: string[] = [];
  const from = Math.ceil((FAULTS_END_AT + WELL_AFTER_MS) / TICK_MS) * TICK_MS;
  for (let tick = from; tick < LAST_AT; tick += TICK_MS)
    if (!done.has(tick)) found.push(`tick ${tick} was not done`);
  return found;
}
