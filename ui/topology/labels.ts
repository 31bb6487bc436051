/** Words that stand right of a column, as near as they can to a height. */
export interface WantedLabel {
  readonly column: number;
  readonly y: number;
}

/**
 * The heights of labels, so that no two of a column are nearer to each other than a line is high. Each in its turn takes what is free
 * nearest to what it wants, and none stands above the first line.
 */
export function labelHeights(wanted: readonly WantedLabel[], line: number): readonly number[] {
  const taken = new Map<number, number[]>();
  return wanted.map(({ column, y }) => {
    const others = taken.get(column) ?? [];
    taken.set(column, others);
    const height = nearestFree(Math.max(y, line), others, line);
    others.push(height);
    return height;
  });
}

/** What touches another from above or below is the nearest there can be, where the place itself is not free. */
function nearestFree(y: number, others: readonly number[], line: number): number {
  const isFree = (height: number) =>
    height >= line && others.every((other) => Math.abs(other - height) >= line);
  const places = [y, ...others.flatMap((other) => [other - line, other + line])].filter(isFree);
  return places.toSorted((a, b) => Math.abs(a - y) - Math.abs(b - y))[0]!;
}
