import { groupBy, type Invariant } from './evidence.js';
import type { Fact } from '../world/ledger.js';

/** After this time a consumer that was not itself is over it. */
const GRACE_MS = 10_000;

/** No entry that Redis accepted and kept is lost: it is done, or a dead letter. */
export const entriesAreKept: Invariant = (evidence) => {
  const ends = evidence.byId('entry ended', 'n');
  const dead = new Set(evidence.all('entry dead').map(({ n }) => n));
  // What nobody was to read waits in the stream.
  if (!evidence.has('consumer')) return [];
  return evidence.all('entry published').flatMap(({ n, startedAt, at }) => {
    if (evidence.isTouchedByLoss(Number(startedAt), at)) return [];
    const isDone = ends.get(String(n))?.some(({ outcome }) => outcome === 'done');
    return isDone || dead.has(n) ? [] : [`entry ${String(n)} of ${at} was not done and is no dead letter`];
  });
};

/** An entry that was done is acknowledged: while nothing is done to its consumers and to Redis, it does not begin again. */
export const entriesEndOnce: Invariant = (evidence) => {
  const starts = evidence.byId('entry began');
  const done = evidence.all('entry ended').filter(({ outcome }) => outcome === 'done');
  return done.flatMap(({ id, who, at }) => {
    const again = starts.get(String(id))?.find((start) => start.at > at);
    if (!again || wasDisturbedSince(evidence, at - GRACE_MS, [{ who, at }, again])) return [];
    return [
      `entry ${String(id)} was done at ${at} in ${who}, and began again at ${again.at} in ${again.who}`,
    ];
  });
};

function wasDisturbedSince(
  evidence: Parameters<Invariant>[0],
  from: number,
  facts: readonly Pick<Fact, 'who' | 'at'>[],
): boolean {
  const to = Math.max(...facts.map(({ at }) => at));
  return (
    evidence.redisWasDisturbed(from, to) ||
    evidence.isTouchedByLoss(from, to) ||
    facts.some(({ who }) => evidence.wasDisturbed(who, from, to))
  );
}

/** Entries of one key begin in their order, and none before the one before it has ended. */
export const entriesAreInOrder: Invariant = (evidence) => {
  const starts = evidence.all('entry began');
  const found: string[] = [];
  for (const [key, all] of groupBy(starts, (fact) => String(fact['key']))) {
    const doneAt = firstDone(evidence.all('entry ended'), key);
    for (const [index, earlier] of all.entries()) {
      const done = doneAt.get(String(earlier['id'])) ?? Infinity;
      // It begins although a later one began before, and it was not done then.
      const overtaker = all.slice(0, index).find((fact) => isLater(fact, earlier) && fact.at < done);
      if (!overtaker || isExcused(evidence, overtaker, earlier)) continue;
      found.push(
        `entry ${String(overtaker['id'])} of ${key} began at ${overtaker.at} in ${overtaker.who}, and ${String(earlier['id'])} at ${earlier.at} in ${earlier.who}`,
      );
    }
  }
  return found;
};

function firstDone(ends: readonly Fact[], key: string): ReadonlyMap<string, number> {
  const done = new Map<string, number>();
  for (const { id, at, outcome, key: own } of ends)
    if (own === key && outcome === 'done' && !done.has(String(id))) done.set(String(id), at);
  return done;
}

function isLater(a: Fact, b: Fact): boolean {
  const [aMs, aCount] = String(a['id']).split('-').map(Number) as [number, number];
  const [bMs, bCount] = String(b['id']).split('-').map(Number) as [number, number];
  return aMs - bMs > 0 || (aMs === bMs && aCount > bCount);
}

function isExcused(evidence: Parameters<Invariant>[0], overtaker: Fact, earlier: Fact): boolean {
  const [from, to] = [Math.min(overtaker.at, earlier.at) - GRACE_MS, earlier.at];
  return (
    evidence.isTouchedByLoss(from, to) ||
    evidence.wasDisturbed(overtaker.who, from, to) ||
    evidence.wasDisturbed(earlier.who, from, to)
  );
}
