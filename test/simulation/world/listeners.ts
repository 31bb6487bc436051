import type { EventEmitter } from 'node:events';

/** How many listeners there are for each event. */
export type Listeners = ReadonlyMap<string | symbol, number>;

export function listenersOf(...emitters: readonly EventEmitter[]): Listeners {
  const counts = new Map<string | symbol, number>();
  for (const emitter of emitters)
    for (const event of emitter.eventNames())
      counts.set(event, (counts.get(event) ?? 0) + emitter.listenerCount(event));
  return counts;
}

/** Of what there are more than before. */
export function moreThan(before: Listeners, now: Listeners): string[] {
  return [...now].flatMap(([event, count]) => {
    const more = count - (before.get(event) ?? 0);
    return more > 0 ? [`${more} of ${String(event)}`] : [];
  });
}
