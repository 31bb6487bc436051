import type { Invariant } from './evidence.js';

/** How coarse deadlines are, in milliseconds. */
const SLACK_MS = 60;

/** No handler takes longer. */
const ENOUGH_MS = 1_500;
const WELL_FOR_MS = 12_000;

/** Every call ends by its deadline. */
export const callsEnd: Invariant = (evidence) => {
  const ends = evidence.byId('call ended');
  return evidence.all('call').flatMap(({ id, who, timeoutMs, at }) => {
    if (evidence.wasKilled(who)) return [];
    const all = ends.get(String(id)) ?? [];
    if (all.length !== 1) return [`call ${String(id)} ended ${all.length} times`];
    const tookMs = Number(all[0]!['tookMs']);
    const wasFrozen = evidence.wasFrozen(who, at, at + tookMs);
    return tookMs <= Number(timeoutMs) + SLACK_MS || wasFrozen
      ? []
      : [`call ${String(id)} took ${tookMs} ms of ${String(timeoutMs)}`];
  });
};

/** A call that is not idempotent runs at most once. */
export const callsRunOnce: Invariant = (evidence) => {
  const runs = evidence.byId('call ran');
  return evidence.all('call').flatMap(({ id, isIdempotent }) => {
    const count = runs.get(String(id))?.length ?? 0;
    return isIdempotent || count <= 1 ? [] : [`call ${String(id)} ran ${count} times`];
  });
};

/** `mayHaveRun: false` is true, and what was answered has run. */
export const callsTellTheTruth: Invariant = (evidence) => {
  const runs = evidence.byId('call ran');
  return evidence.all('call ended').flatMap(({ id, code, mayHaveRun }) => {
    const hasRun = runs.has(String(id));
    if (code === undefined) return hasRun ? [] : [`call ${String(id)} was answered and never ran`];
    return mayHaveRun === false && hasRun
      ? [`call ${String(id)} failed with ${String(code)}, mayHaveRun: false, and ran`]
      : [];
  });
};

/** The values of an answer are whole and in order, or the call fails after the first of them. */
export const answersAreWhole: Invariant = (evidence) => {
  const calls = evidence.byId('call');
  return evidence.all('call ended').flatMap(({ id, code, values }) => {
    const { count, pattern } = calls.get(String(id))![0]!;
    const expected = Array.from({ length: Number(count) }, (_, n) =>
      pattern === 'values' ? { id, n } : { id },
    );
    const given = values as unknown[];
    const wanted = code === undefined ? expected : expected.slice(0, given.length);
    return JSON.stringify(given) === JSON.stringify(wanted)
      ? []
      : [`call ${String(id)} gave ${JSON.stringify(given)} in place of ${JSON.stringify(wanted)}`];
  });
};

/** While all is well a call with enough time is answered. */
export const callsSucceed: Invariant = (evidence) => {
  const ends = evidence.byId('call ended');
  return evidence.all('call').flatMap(({ id, at, timeoutMs }) => {
    const end = ends.get(String(id))?.[0];
    if (!end || Number(timeoutMs) < ENOUGH_MS || !evidence.isWell(at - WELL_FOR_MS, end.at)) return [];
    return end['code'] === undefined ? [] : [`call ${String(id)} of ${at} failed: ${String(end['text'])}`];
  });
};
