import type { RandomSource } from '../../runtime/random-source.js';

/** Some at random: all different for a count above 0, the same ones possibly again for one below. */
export function pickRandom<T>(items: readonly T[], count: number, random: RandomSource): T[] {
  if (items.length === 0 || count === 0) return [];
  const one = (among: readonly T[]) => Math.floor(random.float() * among.length);
  if (count < 0) return Array.from({ length: -count }, () => items[one(items)]!);
  if (count >= items.length) return [...items];
  const left = [...items];
  return Array.from({ length: count }, () => left.splice(one(left), 1)[0]!);
}
