import { MIN_ROUNDS } from '../support/paired.js';
import type { Worker } from '../support/worker.js';
import { Row, type Compared } from './rows.js';
import type { MeasuredRun } from './subject.js';

export type SideName = 'before' | 'now';
/** Each a process, see `side.ts`. */
export type Sides = Readonly<Record<SideName, Worker>>;

export interface Bounds {
  /** Half-width of an interval, as a share, from which on its row is not run again. */
  readonly precision: number;
  readonly maxMs: number;
  log(line: string): void;
}

const MAX_ROUNDS = 100;
/** Many short runs rather than a few long ones: neighbours then see the same machine. */
const PAIRS = 16;
type Rows = Map<string, Row>;

/**
 * Runs one subject of both builds until every interval is narrow enough or the time is up. Each round starts processes of
 * its own: how code was optimised and where memory lies differ from process to process of the same build, and stay.
 */
export async function compareSubject(
  sides: Sides,
  subject: string,
  bounds: Bounds,
): Promise<readonly Compared[]> {
  const rows: Rows = new Map();
  const settled = new Set<string>();
  const endAt = performance.now() + bounds.maxMs;
  for (let round = 1; round <= MAX_ROUNDS && performance.now() < endAt; round++) {
    const stepRows = await playRound(sides, subject, { isOdd: round % 2 === 1, settled, rows });
    bounds.log(`${subject}, round ${round}: ${progress(rows)}`);
    if (round < MIN_ROUNDS) continue;
    for (const [step, names] of stepRows) {
      const isNarrow = names.every((name) => widest(rows.get(name)!) <= bounds.precision);
      if (isNarrow) settled.add(step);
    }
    if ([...stepRows.keys()].every((step) => settled.has(step))) break;
  }
  return [...rows.values()].flatMap((row) => row.compared());
}

/** @reinOrder the steps that were run, each with its rows */
async function playRound(
  sides: Sides,
  subject: string,
  { isOdd, settled, rows }: { isOdd: boolean; settled: ReadonlySet<string>; rows: Rows },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const order: readonly SideName[] = isOdd ? ['before', 'now'] : ['now', 'before'];
  let steps: readonly string[] = [];
  for (const name of order) steps = await sides[name].ask<string[]>('start', { subject });
  for (const name of order) await sides[name].ask('warmUp');
  const stepRows = new Map<string, readonly string[]>();
  for (const step of steps.filter((one) => !settled.has(one))) {
    stepRows.set(step, await playStep(sides, step, order, rows));
  }
  for (const name of order) await sides[name].ask('stop');
  return stepRows;
}

/** In the order A B B A …: what gets steadily slower or faster meanwhile, does so for both alike. */
async function playStep(
  sides: Sides,
  step: string,
  [first, second]: readonly SideName[],
  rows: Rows,
): Promise<readonly string[]> {
  const runs: Record<SideName, Record<string, MeasuredRun>[]> = { before: [], now: [] };
  for (let pair = 0; pair < PAIRS; pair++) {
    const names = pair % 2 === 0 ? [first!, second!] : [second!, first!];
    for (const name of names) runs[name].push(await sides[name].ask('run', { step }));
  }
  const names = Object.keys(runs.now[0]!);
  for (const name of names) {
    const of = (side: SideName) => runs[side].map((run) => run[name]!);
    const row = rows.get(name) ?? new Row(name);
    rows.set(name, row);
    row.add({ before: of('before'), now: of('now') });
  }
  return names;
}

const widest = (row: Row) => Math.max(...row.compared().map(({ interval }) => interval.halfWidth));

function progress(rows: Rows): string {
  const all = [...rows].map(([name, row]) => `${name} ±${formatShares(row)}`);
  return all.join(' · ');
}

const formatShares = (row: Row) =>
  row
    .compared()
    .map(({ interval: { halfWidth } }) => (halfWidth < 1 ? (halfWidth * 100).toFixed(1) : '?'))
    .join('/');
