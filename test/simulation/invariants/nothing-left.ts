import type { Invariant } from './evidence.js';

/** Whoever is closed has no timer, no connection, no listener more than at first and no key that is not to stay, and closing ends in time. */
export const nothingIsLeft: Invariant = (evidence) => {
  const closed = new Set(evidence.all('closed').map(({ id }) => id));
  const hanging = evidence
    .all('closing')
    .filter(({ id, who }) => !closed.has(id) && !evidence.wasKilled(who))
    .map(({ who }) => `${who} was not closed`);
  const held = evidence.all('left').flatMap(({ who, timers, connections }) => {
    const found = (timers as string[]).map((timer) => `${who} has a timer: ${timer}`);
    return connections === 0 ? found : [...found, `${who} has ${String(connections)} connections`];
  });
  const listeners = evidence
    .all('listeners left')
    .map(
      ({ who, listeners: more }) =>
        `${who} has more listeners than at first: ${(more as string[]).join(', ')}`,
    );
  const keys = evidence.all('key left').map(({ key }) => `the key ${String(key)} is in no table`);
  return [...hanging, ...held, ...listeners, ...keys];
};

/** Nothing asks the machine for time or randomness, and no error gets out. */
export const nothingLeaks: Invariant = (evidence) => [
  ...evidence
    .all('leak')
    .map(({ what, where }) => `${String(what)} was asked of the machine\n${String(where)}`),
  ...evidence.all('thrown').map(({ error }) => `thrown and caught by nobody: ${String(error)}`),
  ...evidence.all('start failed').map(({ who, error }) => `${who} did not start: ${String(error)}`),
];
