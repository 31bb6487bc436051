import type { Info } from '../../redis/faults/server-facts.js';

/** A field of INFO as a number; NaN where it is not there. */
export function numberOf(info: Info, name: string): number {
  return Number(info[name] ?? Number.NaN);
}
