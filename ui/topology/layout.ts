/** Where a node stands: columns from callers to callees, rows within them. */
export interface Spot {
  readonly column: number;
  readonly row: number;
}

export interface Link {
  readonly from: string;
  readonly to: string;
}

type Spots = ReadonlyMap<string, Spot>;

/**
 * Places nodes in columns, callers to the left of whom they call. What has a place keeps it, so that nothing jumps when a service
 * comes or goes, and comes back to it; the same nodes without places always get the same ones.
 *
 * @param before the places of all that there were, also of what is there no more
 * @returns these, and those of what is new
 */
export function layout(names: readonly string[], links: readonly Link[], before: Spots): Spots {
  const kept = new Map(before);
  const fresh = names.filter((name) => !kept.has(name)).toSorted();
  if (kept.size === 0) return arranged(fresh, links);
  for (const name of fresh) kept.set(name, freeSpot(name, links, kept));
  return kept;
}

function arranged(names: readonly string[], links: readonly Link[]): Spots {
  const columns = columnsOf(names, links);
  const spots = new Map<string, Spot>();
  const last = Math.max(0, ...columns.values());
  for (let column = 0; column <= last; column++) {
    const own = names.filter((name) => columns.get(name) === column);
    const weight = new Map(own.map((name) => [name, callersRow(name, links, spots)]));
    const sorted = own.toSorted((a, b) => weight.get(a)! - weight.get(b)! || (a < b ? -1 : 1));
    for (const [row, name] of sorted.entries()) spots.set(name, { column, row });
  }
  return spots;
}

/**
 * Where the line of a link passes the columns between its nodes: a row of its own in each, so that no line crosses a node. A link has none
 * where its nodes are neighbours, or it leads back.
 */
export function lanesOf(links: readonly Link[], spots: Spots): readonly (readonly Spot[])[] {
  const taken = new Set([...spots.values()].map(placeOf));
  return links.map(({ from, to }) => {
    const [start, end] = [spots.get(from), spots.get(to)];
    if (!start || !end) return [];
    const lane: Spot[] = [];
    for (let column = start.column + 1; column < end.column; column++) {
      const share = (column - start.column) / (end.column - start.column);
      const spot = nearestFree(column, start.row + share * (end.row - start.row), taken);
      taken.add(placeOf(spot));
      lane.push(spot);
    }
    return lane;
  });
}

function placeOf({ column, row }: Spot): string {
  return `${column} ${row}`;
}

function nearestFree(column: number, wanted: number, taken: ReadonlySet<string>): Spot {
  const isFree = (row: number) => row >= 0 && !taken.has(placeOf({ column, row }));
  const middle = Math.round(wanted);
  let away = 0;
  while (!isFree(middle + away) && !isFree(middle - away)) away++;
  return { column, row: isFree(middle + away) ? middle + away : middle - away };
}

/** The longest way to each node. A link that closes a circle does not count. */
function columnsOf(names: readonly string[], links: readonly Link[]): Map<string, number> {
  const columns = new Map<string, number>();
  const open = new Set<string>();
  const callers = new Map(
    names.map((name) => [name, links.filter(({ to, from }) => to === name && from !== name)]),
  );
  const visit = (name: string): number => {
    const known = columns.get(name);
    if (known !== undefined) return known;
    open.add(name);
    const ways = (callers.get(name) ?? []).filter(({ from }) => !open.has(from) && callers.has(from));
    const column = Math.max(-1, ...ways.map(({ from }) => visit(from))) + 1;
    open.delete(name);
    columns.set(name, column);
    return column;
  };
  for (const name of names) visit(name);
  return columns;
}

/** The mean row of those who call it. */
function callersRow(name: string, links: readonly Link[], spots: Spots): number {
  const rows = links.flatMap(({ from, to }) =>
    to === name && spots.has(from) ? [spots.get(from)!.row] : [],
  );
  return rows.length === 0 ? 0 : rows.reduce((sum, row) => sum + row, 0) / rows.length;
}

/** Right of those who call it, in the first row that is free. */
function freeSpot(name: string, links: readonly Link[], spots: Spots): Spot {
  const callers = links.flatMap(({ from, to }) =>
    to === name && spots.has(from) ? [spots.get(from)!.column] : [],
  );
  const column = callers.length === 0 ? 0 : Math.max(...callers) + 1;
  const taken = new Set([...spots.values()].flatMap((spot) => (spot.column === column ? [spot.row] : [])));
  let row = 0;
  while (taken.has(row)) row++;
  return { column, row };
}
