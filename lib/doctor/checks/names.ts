import { listed } from '../../runtime/listed.js';

/** The services of these, each once. */
export function named(some: readonly { readonly service: string }[]): string {
  return listed([...new Set(some.map(({ service }) => service))]);
}

export function sumOf<Item>(items: readonly Item[], count: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0);
}

/** Minutes, or hours and days where there are many. */
export function ageText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
