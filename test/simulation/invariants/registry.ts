import type { Invariant } from './evidence.js';
import type { Fact } from '../world/ledger.js';

/** Within this time after a death everybody knows it, and after a start too. */
const KNOWN_WITHIN_MS = 7_000;
const LAST_LOOK_AT = 59_000;

/** In the end everybody sees those that are there, and no others; and a death is known in time. */
export const registryIsRight: Invariant = (evidence) => {
  const watchers = new Set(evidence.all('sees').map(({ who }) => who));
  return [...watchers].flatMap((watcher) => {
    const looks = evidence.all('sees').filter(({ who }) => who === watcher);
    const gone = evidence.all('killed').concat(evidence.all('closing'));
    if (gone.some(({ who, at }) => who === watcher && at < LAST_LOOK_AT)) return [];
    return [...late(evidence, watcher, looks), ...wrongInTheEnd(evidence, watcher, looks)];
  });
};

function late(evidence: Parameters<Invariant>[0], watcher: string, looks: readonly Fact[]): string[] {
  return evidence.all('killed').flatMap(({ who, id, at }) => {
    const by = at + KNOWN_WITHIN_MS;
    const seen = looks.findLast((look) => look.at <= by);
    if (!seen || by > LAST_LOOK_AT || evidence.redisWasDisturbed(at - 8_000, by, 8_000)) return [];
    if (evidence.wasDisturbed(watcher, at - 8_000, by, 8_000)) return [];
    return (seen['ids'] as string[]).includes(String(id))
      ? [`${watcher} sees ${who} ${KNOWN_WITHIN_MS} ms after its death`]
      : [];
  });
}

function wrongInTheEnd(
  evidence: Parameters<Invariant>[0],
  watcher: string,
  looks: readonly Fact[],
): string[] {
  const seen = looks.findLast(({ at }) => at <= LAST_LOOK_AT)?.['ids'] as string[] | undefined;
  const isGone = (id: unknown) =>
    evidence
      .all('killed')
      .concat(evidence.all('closing'))
      .some((fact) => fact['id'] === id && fact.at < LAST_LOOK_AT);
  const living = evidence
    .all('there')
    .filter(({ at, id }) => at < LAST_LOOK_AT - KNOWN_WITHIN_MS && !isGone(id));
  const missing = living
    .filter(({ id }) => !seen?.includes(String(id)))
    .map(({ who }) => `${watcher} does not see ${who}`);
  const ids = new Set(
    evidence
      .all('there')
      .filter(({ id }) => !isGone(id))
      .map(({ id }) => id),
  );
  const extra = (seen ?? []).filter((id) => !ids.has(id)).map((id) => `${watcher} sees ${id}, which is gone`);
  return [...missing, ...extra];
}
