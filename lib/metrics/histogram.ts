/** Upper bounds of what takes time, in milliseconds. The same in every version: histograms of two processes can be added. */
export const DURATION_BOUNDS_MS: readonly number[] = [
  ...[0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 10_000],
];

/** Upper bounds of the sizes of messages, in characters of their JSON. */
export const SIZE_BOUNDS: readonly number[] = [
  ...[64, 256, 1_024, 4_096, 16_384],
  ...[65_536, 262_144, 1_048_576],
];

/** Counts values by fixed bounds. What is above the last one has a place of its own. */
export class Histogram {
  private readonly places: Float64Array;
  private total = 0;

  constructor(readonly bounds: readonly number[] = DURATION_BOUNDS_MS) {
    this.places = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    const { bounds } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    this.places[low]!++;
    this.total += value;
  }

  /** How many values are at most as much as each bound and more than the one before; the last are above all bounds. */
  get counts(): Readonly<Float64Array> {
    return this.places;
  }

  get sum(): number {
    return this.total;
  }

  get count(): number {
    let count = 0;
    for (const place of this.places) count += place;
    return count;
  }
}

/**
 * The value that a share of all others is at most as much as, estimated between two bounds; undefined without values. What is
 * above the last bound counts as that bound.
 */
export function quantile(
  counts: ArrayLike<number>,
  share: number,
  bounds: readonly number[] = DURATION_BOUNDS_MS,
): number | undefined {
  const total = Array.from(counts).reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let left = share * total;
  for (const [index, bound] of bounds.entries()) {
    const count = counts[index] ?? 0;
    const below = index === 0 ? 0 : bounds[index - 1]!;
    if (left <= count && count > 0) return below + ((bound - below) * left) / count;
    left -= count;
  }
  return bounds.at(-1);
}
