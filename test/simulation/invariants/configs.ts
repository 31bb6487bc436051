import { FAULTS_END_AT } from '../faults/plan.js';
import { groupBy, type Invariant } from './evidence.js';

/** Nobody runs with parts of two documents, and in the end all run with the last one. */
export const configsAreWhole: Invariant = (evidence) => {
  const runs = evidence.all('config runs');
  const mixed = runs
    .filter(({ n, parts }) => (parts as number[]).some((part) => part !== n))
    .map(({ who, n, parts }) => `${who} runs with ${String(n)} and ${JSON.stringify(parts)}`);
  return [...mixed, ...backward(evidence), ...behind(evidence)];
};

function backward(evidence: Parameters<Invariant>[0]): string[] {
  return [...groupBy(evidence.all('config runs'), ({ who }) => who)].flatMap(([who, all]) =>
    all.slice(1).flatMap((later, index) => {
      const earlier = all[index]!;
      if (Number(later['n']) >= Number(earlier['n']) || evidence.losses.some(({ to }) => to <= later.at))
        return [];
      // A writer that begins anew counts from 1.
      return evidence.all('config put').some(({ n, at }) => n === later['n'] && at > earlier.at - 1_000)
        ? []
        : [`${who} ran with ${String(earlier['n'])} and then with ${String(later['n'])}`];
    }),
  );
}

function behind(evidence: Parameters<Invariant>[0]): string[] {
  const last = evidence.all('config put').at(-1);
  const tried = evidence.all('config not put').at(-1);
  if (!last || evidence.isUndoneAfter(last.at) || (tried && tried.at > last.at - 10_000)) return [];
  const closings = new Set(evidence.all('killed').map(({ who }) => who));
  const living = evidence
    .all('there')
    .filter(
      ({ who, at }) => who.startsWith('configured') && at < FAULTS_END_AT + 3_000 && !closings.has(who),
    );
  const stopped = new Set(
    evidence
      .all('closing')
      .filter(({ at }) => at < FAULTS_END_AT + 3_000)
      .map(({ who }) => who),
  );
  return living.flatMap(({ who }) => {
    if (stopped.has(who)) return [];
    const runs = evidence
      .all('config runs')
      .filter((fact) => fact.who === who)
      .at(-1)?.['n'];
    return runs === last['n']
      ? []
      : [`${who} runs with ${String(runs)} in the end, and ${String(last['n'])} is stored`];
  });
}
