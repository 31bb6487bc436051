import { isJsonObject, numberOf, parseObject, stringOf } from './json.js';

/** What goes from one service to another. */
export type EdgeKind = 'call' | 'event' | 'http' | 'job' | 'entry';

/** What one instance counted of one kind of work between itself and another place, since its process began. */
export interface EdgeRecord {
  readonly kind: EdgeKind;
  /** `out`: it sent; `in`: it handled what the other sent. */
  readonly direction: 'out' | 'in';
  /** The other service, or `stream:<name>`. */
  readonly other: string;
  readonly pattern: string;
  readonly count: number;
  /** By code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Durations, by the bounds that all processes share. */
  readonly counts: readonly number[];
  /** How many of them are of the time that the record says. */
  readonly recent: number;
}

/** All edges of one instance. */
export interface InstanceEdges {
  /** How long the time is that `recent` counts, in milliseconds. */
  readonly windowMs: number;
  readonly edges: readonly EdgeRecord[];
}

const KINDS: readonly string[] = ['call', 'event', 'http', 'job', 'entry'] satisfies EdgeKind[];
const VERSION = 1;

/** `{ v: 1, windowMs, edges: [[kind, direction, other, pattern, count, errors, counts, recent], …] }`; zeros at the end are left out. */
export function encodeEdges({ windowMs, edges }: InstanceEdges): string {
  const rows = edges.map((edge) => [
    ...[edge.kind, edge.direction, edge.other, edge.pattern],
    ...[edge.count, edge.errors, withoutZeros(edge.counts), edge.recent],
  ]);
  return JSON.stringify({ v: VERSION, windowMs: Math.round(windowMs), edges: rows });
}

/** Undefined for anything but such a record; rows that are no edges are left out. Never throws. */
export function decodeEdges(text: string | null): InstanceEdges | undefined {
  const raw = parseObject(text);
  if (raw?.['v'] !== VERSION || !Array.isArray(raw['edges'])) return undefined;
  const edges = raw['edges'].map(decodeEdge).filter((edge) => edge !== undefined);
  return { windowMs: numberOf(raw['windowMs']), edges };
}

function decodeEdge(row: unknown): EdgeRecord | undefined {
  if (!Array.isArray(row)) return undefined;
  const [kind, direction, other, pattern, count, errors, counts, recent] = row as unknown[];
  if (!KINDS.includes(kind as string) || (direction !== 'in' && direction !== 'out')) return undefined;
  if (stringOf(other) === '' || typeof pattern !== 'string' || !Array.isArray(counts)) return undefined;
  return {
    kind: kind as EdgeKind,
    direction,
    other: stringOf(other),
    pattern,
    count: numberOf(count),
    errors: numbersOf(errors),
    counts: counts.map(numberOf),
    recent: numberOf(recent),
  };
}

function numbersOf(value: unknown): Record<string, number> {
  const members = Object.entries(isJsonObject(value) ? value : {});
  return Object.fromEntries(members.map(([name, member]) => [name, numberOf(member)]));
}

function withoutZeros(counts: readonly number[]): readonly number[] {
  const last = counts.findLastIndex((count) => count > 0);
  return counts.slice(0, last + 1);
}
