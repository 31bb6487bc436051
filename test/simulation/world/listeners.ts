import type { EventEmitter } from 'node:events';

/** How many listeners there are for each event. */
export type Listeners = ReadonlyMap<string | symbol, number>;

/**
 * The driver's own, of one attempt to connect: a client that is disconnected during the attempt keeps them, and goes away with
 * them.
 */
const OF_AN_ATTEMPT = new Set(['connectionReadyHandler', 'connectionCloseHandler']);

export function listenersOf(...emitters: readonly EventEmitter[]): Listeners {
  const counts = new Map<string | symbol, number>();
  for (const emitter of emitters)
    for (const event of emitter.eventNames())
      counts.set(event, (counts.get(event) ?? 0) + countOf(emitter, event));
  return counts;
}

function countOf(emitter: EventEmitter, event: string | symbol): number {
  return emitter.listeners(event).filter(({ name }) => !OF_AN_ATTEMPT.has(name)).length;
}

/** Of what there are more than before. */
export function moreThan(before: Listeners, now: Listeners): string[] {
  return [...now].flatMap(([event, count]) => {
    const more = count - (before.get(event) ?? 0);
    return more > 0 ? [`${more} of ${String(event)}`] : [];
  });
}
