import { CONCURRENCY, RATE } from '../actors/jobs.js';
import type { Fact } from '../world/ledger.js';
import { groupBy, type Evidence, type Invariant } from './evidence.js';

/** After this time a worker that was not itself is over it: it has lost its jobs, or has them. */
const GRACE_MS = 10_000;

/** A job waits no longer than this for the jobs before it. */
const SOON_MS = 4_000;
const WELL_FOR_MS = 12_000;
/** The longest run of a job, and the pause before its next attempt. */
const ATTEMPT_MS = 2_100;

/** No job that Redis accepted and kept is lost: it is done, or a dead letter. */
export const jobsAreKept: Invariant = (evidence) => {
  const ends = evidence.byId('job ended');
  const starts = evidence.byId('job began');
  const found = new Map(evidence.all('job found').map((fact) => [fact['id'], fact]));
  return evidence.all('job added').flatMap(({ id, isNew, isShared, startedAt, at }) => {
    // One that was there already is kept too; of those that share an id another one may be meant.
    if ((isShared && !isNew) || evidence.isTouchedByLoss(Number(startedAt), at)) return [];
    if (ends.get(String(id))?.some(({ outcome }) => outcome === 'done')) return [];
    const seen = found.get(id);
    const state = seen?.['state'];
    // Without a worker it waits.
    if (state !== undefined && !evidence.has('worker')) return [];
    // One of the last has attempts to come while others look for it.
    const isUnderWay = starts.get(String(id))?.some((start) => start.at > (seen?.at ?? 0) - ATTEMPT_MS);
    if ((state === 'active' || state === 'delayed') && isUnderWay) return [];
    return state === 'dead' || state === 'completed'
      ? []
      : [`job ${String(id)} is ${String(state ?? 'lost')} in the end`];
  });
};

/** What becomes of a job is accepted once. */
export const jobsEndOnce: Invariant = (evidence) => {
  const ended = evidence.all('job told').filter(({ type }) => type === 'completed' || type === 'dead');
  const unique = ended.filter(({ id }) => !String(id).startsWith('shared/'));
  return [...groupBy(unique, ({ id }) => String(id))].flatMap(([id, all]) => {
    const first = all[0]!.at;
    return all.length === 1 || evidence.isUndoneAfter(first - GRACE_MS)
      ? []
      : [`job ${id} ended ${all.length} times, at ${all.map(({ at }) => at).join(' and ')}`];
  });
};

/** While a job exists its id is its own: another one is new only after an attempt of the first has ended. */
export const idsAreUnique: Invariant = (evidence) => {
  const ends = evidence.byId('job ended');
  const added = evidence.all('job added').filter(({ isNew }) => isNew);
  return [...groupBy(added, ({ id }) => String(id))].flatMap(([id, all]) =>
    all.slice(1).flatMap((later, index) => {
      const earlier = all[index]!;
      const from = Number(earlier['startedAt']);
      const hasEnded = ends.get(id)?.some(({ at }) => at >= from && at <= later.at);
      // A job whose workers were all lost ends without a word of theirs.
      if (hasEnded || evidence.isTouchedByLoss(from, later.at) || wasKilledBetween(evidence, from, later.at))
        return [];
      return [`job ${id} was new at ${earlier.at} in ${earlier.who}, and at ${later.at} in ${later.who}`];
    }),
  );
};

function wasKilledBetween(evidence: Evidence, from: number, to: number): boolean {
  return evidence.all('killed').some(({ at }) => at >= from && at <= to);
}

/** No fence is given twice, and that of a job rises with each of its starts. */
export const fencesRise: Invariant = (evidence) => {
  const starts = evidence.all('job began');
  const twice = [...groupBy(starts, ({ fence }) => fence)]
    .filter(([, all]) => all.length > 1)
    .map(
      ([fence, all]) =>
        `fence ${String(fence)} was given to ${all.map(({ id, who }) => `${String(id)} in ${who}`).join(' and ')}`,
    );
  const falling = [...groupBy(starts, ({ id }) => String(id))].flatMap(([id, all]) =>
    all.slice(1).flatMap((later, index) => {
      const earlier = all[index]!;
      if (Number(later['fence']) > Number(earlier['fence'])) return [];
      // One that was given the job, and froze before it began it.
      if (evidence.wasDisturbed(later.who, later.at - GRACE_MS, later.at)) return [];
      return [
        `job ${id} began with fence ${String(earlier['fence'])} and then with ${String(later['fence'])}`,
      ];
    }),
  );
  return [...twice, ...falling];
};

/** No more jobs of a pattern run in a process than it may, and no more start within a time. */
export const limitsHold: Invariant = (evidence) => [...tooManyAtOnce(evidence), ...tooManyInTime(evidence)];

function tooManyAtOnce(evidence: Evidence): string[] {
  const running = new Map<string, number>();
  const found: string[] = [];
  for (const { kind, who, pattern, at } of evidence.facts) {
    if (kind !== 'job began' && kind !== 'job ended') continue;
    const place = `${who} ${String(pattern)}`;
    const count = (running.get(place) ?? 0) + (kind === 'job began' ? 1 : -1);
    running.set(place, count);
    if (count > CONCURRENCY) found.push(`${count} jobs of ${place} at ${at}`);
  }
  return found;
}

/** A fence is the time at which Redis gave the job, in microseconds. */
function tooManyInTime(evidence: Evidence): string[] {
  const rated = evidence.all('job began').filter(({ pattern }) => pattern === 'rated');
  const times = rated.map(({ fence }) => Number(fence) / 1_000).toSorted((a, b) => a - b);
  const eachMs = RATE.perMs / RATE.max;
  const found: string[] = [];
  for (const [first, from] of times.entries()) {
    for (let last = first + RATE.max; last < Math.min(times.length, first + RATE.max * 4); last++) {
      const withinMs = times[last]! - from;
      const at = from - 1_700_000_000_000;
      const most = RATE.max + withinMs / eachMs + 0.1;
      if (last - first + 1 <= most || evidence.isTouchedByLoss(at - RATE.perMs * 2, at + withinMs)) continue;
      found.push(`${last - first + 1} rated jobs within ${withinMs} ms from ${at}`);
    }
  }
  return found;
}

/** A job does not run twice at once while its worker is well. */
export const jobsRunAlone: Invariant = (evidence) => {
  const ends = new Map(
    evidence.all('job ended').map((fact) => [`${fact.who} ${String(fact['fence'])}`, fact.at]),
  );
  return [...evidence.byId('job began')].flatMap(([id, all]) =>
    all.slice(1).flatMap((later, index) => {
      const earlier = all[index]!;
      const end = ends.get(`${earlier.who} ${String(earlier['fence'])}`) ?? endOf(evidence, earlier);
      if (end <= later.at || isExcused(evidence, earlier, later)) return [];
      return [
        `job ${id} began in ${later.who} at ${later.at} while ${earlier.who} ran it, from ${earlier.at} to ${end}`,
      ];
    }),
  );
};

function endOf(evidence: Evidence, { who }: Fact): number {
  return evidence.all('killed').find((fact) => fact.who === who)?.at ?? Infinity;
}

function isExcused(evidence: Evidence, earlier: Fact, later: Fact): boolean {
  const from = earlier.at - GRACE_MS;
  return (
    evidence.wasDisturbed(earlier.who, from, later.at) ||
    evidence.redisWasDisturbed(from, later.at) ||
    evidence.isTouchedByLoss(from, later.at)
  );
}

/** While all is well, and a worker has room, a job begins soon. */
export const jobsBeginSoon: Invariant = (evidence) => {
  const starts = evidence.byId('job began');
  return evidence.all('job added').flatMap(({ id, pattern, isNew, isShared, delayMs, at }) => {
    const dueAt = at + Number(delayMs);
    if (!isNew || isShared || pattern !== 'plain' || !evidence.isWell(at - WELL_FOR_MS, dueAt + SOON_MS))
      return [];
    const begunAt = starts.get(String(id))?.[0]?.at ?? Infinity;
    return begunAt <= dueAt + SOON_MS ? [] : [`job ${String(id)}, due at ${dueAt}, began at ${begunAt}`];
  });
};

/** A worker that has room hears of a job at once, and does not find it at its next look, a second later. */
const AT_ONCE_MS = 300;

/** While all is well, and every worker has room, a job begins at once. */
export const jobsBeginAtOnce: Invariant = (evidence) => {
  const starts = evidence.byId('job began');
  const open = openTimes(evidence);
  return evidence.all('job adding').flatMap(({ id, pattern, isShared, delayMs, at }) => {
    const isPlain = pattern === 'plain' && !isShared && delayMs === 0;
    if (!isPlain || !evidence.isWell(at - WELL_FOR_MS, at + SOON_MS)) return [];
    const others = open.filter((other) => other.id !== id && other.from <= at + AT_ONCE_MS && other.to >= at);
    const begunAt = starts.get(String(id))?.[0]?.at ?? Infinity;
    return others.length >= CONCURRENCY || begunAt <= at + AT_ONCE_MS
      ? []
      : [`job ${String(id)}, added at ${at} beside ${others.length} others, began at ${begunAt}`];
  });
};

interface OpenTime {
  readonly id: Fact[string];
  readonly from: number;
  readonly to: number;
}

/** When each plain job was there: from when it was added, those with a common id from when they began, until they ended. */
function openTimes(evidence: Evidence): readonly OpenTime[] {
  const isPlain = ({ pattern }: Fact) => pattern === 'plain';
  const ends = evidence.byId('job ended');
  const endOfRun = ({ id, fence }: Fact) => ends.get(String(id))?.find((end) => end['fence'] === fence)?.at;
  const waits = evidence.all('job adding').filter((fact) => isPlain(fact) && !fact['isShared']);
  const runs = evidence.all('job began').filter(isPlain);
  return [
    ...waits.map(({ id, at }) => ({ id, from: at, to: ends.get(String(id))?.at(-1)?.at ?? Infinity })),
    ...runs.map((run) => ({ id: run['id'], from: run.at, to: endOfRun(run) ?? Infinity })),
  ];
}
