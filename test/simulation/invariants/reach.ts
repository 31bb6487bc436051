import { LOAD_ENDS_AT } from '../actors/member.js';
import type { Fact } from '../world/ledger.js';
import type { Evidence, Invariant } from './evidence.js';

/** Of so many calls by one process in a row, each instance gets some: there are four at most. */
const MANY_CALLS = 60;
/** Nobody is left out for longer than this after something was done to it, to the caller or to Redis. */
const BACK_WITHIN_MS = 8_000;

/** Each instance gets some of the calls of each process, while nothing is done to either: none stays left out. */
export const callsReachAll: Invariant = (evidence) => {
  const callees = evidence.all('there').filter(({ who }) => who.startsWith('callee'));
  const callers = new Set(evidence.all('call').map(({ who }) => who));
  return callees.flatMap((callee) =>
    [...callers].flatMap((caller) => leftOut(evidence, callee, caller).map(sentence(callee, caller))),
  );
};

const sentence =
  ({ who }: Fact, caller: string) =>
  (calls: readonly Fact[]) =>
    `${who} got none of ${calls.length} calls of ${caller}, from ${calls[0]!.at} to ${calls.at(-1)!.at}`;

/** The longest rows of calls, without any disturbance, of which the instance got none. */
function leftOut(evidence: Evidence, callee: Fact, caller: string): readonly (readonly Fact[])[] {
  const ranAt = evidence.byId('call ran');
  const until = Math.min(LOAD_ENDS_AT, endOf(evidence, callee.who));
  const rows: Fact[][] = [[]];
  for (const call of evidence.all('call')) {
    if (call.who !== caller || call.at < callee.at + BACK_WITHIN_MS || call.at > until) continue;
    const from = call.at - BACK_WITHIN_MS;
    const isDisturbed =
      evidence.wasDisturbed(callee.who, from, call.at) ||
      evidence.wasDisturbed(caller, from, call.at) ||
      evidence.redisWasDisturbed(from, call.at) ||
      ranAt.get(String(call['id']))?.some(({ who }) => who === callee.who);
    if (isDisturbed) rows.push([]);
    else rows.at(-1)!.push(call);
  }
  return rows.filter(({ length }) => length >= MANY_CALLS);
}

/** When a process was killed, or began to close. */
function endOf(evidence: Evidence, who: string): number {
  const ends = [...evidence.all('killed'), ...evidence.all('closing')].filter((fact) => fact.who === who);
  return Math.min(Infinity, ...ends.map(({ at }) => at));
}
