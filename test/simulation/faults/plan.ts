import type { RandomSource } from '../../../lib/runtime/random-source.js';
import type { RoleName } from '../actors/roles.js';
import type { Fault } from './fault.js';

/** What a world consists of, and what goes wrong in it. */
export interface Plan {
  readonly members: readonly { readonly name: string; readonly role: RoleName }[];
  readonly faults: readonly Fault[];
}

/** What a run is about: a world has some of these. */
const AREAS: readonly (readonly (readonly [RoleName, min: number, max: number])[])[] = [
  [
    ['callee', 2, 4],
    ['caller', 1, 2],
  ],
  [
    ['worker', 2, 3],
    ['producer', 1, 2],
    ['listener', 0, 1],
  ],
  [
    ['consumer', 2, 3],
    ['publisher', 1, 2],
  ],
  [
    ['configured', 1, 2],
    ['configuring', 1, 1],
  ],
];

const FIRST_FAULT_AT = 4_000;
/** All is well again from here on. */
export const FAULTS_END_AT = 36_000;
const MAX_FAULTS = 9;

/** The members and the faults of a seed. */
export function planOf(random: RandomSource): Plan {
  const draw = (min: number, max: number) => min + Math.floor(random.float() * (max - min + 1));
  const one = <T>(items: readonly T[]): T => items[draw(0, items.length - 1)]!;
  const first = draw(0, AREAS.length - 1);
  const areas = AREAS.filter((_, index) => index === first || random.float() < 0.25);
  const members = areas.flat().flatMap(([role, min, max]) => named(role, draw(min, max)));
  if (random.float() < 0.4) members.push(...named('watcher', 1));
  const names = members.map(({ name }) => name);
  const faults = Array.from({ length: draw(0, MAX_FAULTS) }, () => faultOf({ draw, one, names }));
  return { members, faults: faults.toSorted((a, b) => a.at - b.at) };
}

function named(role: RoleName, count: number): Plan['members'][number][] {
  return Array.from({ length: count }, (_, index) => ({ name: `${role}${index + 1}`, role }));
}

interface Draws {
  readonly draw: (min: number, max: number) => number;
  readonly one: <T>(items: readonly T[]) => T;
  readonly names: readonly string[];
}

function faultOf({ draw, one, names }: Draws): Fault {
  const at = draw(FIRST_FAULT_AT, FAULTS_END_AT - 2_000);
  const forMs = Math.min(draw(50, one([500, 3_000, 12_000])), FAULTS_END_AT - at);
  const who = one(names);
  const kind = one(KINDS);
  if (kind === 'slow') return { kind, at, who, forMs, byMs: draw(20, 800) };
  if (kind === 'skew') return { kind, at, who, byMs: draw(-600_000, 600_000) };
  if (kind === 'cut') return cutOf({ at, who, forMs }, names);
  if (kind === 'redis goes back') return lossOf({ at, forMs: Math.min(forMs, 3_000), ms: draw(100, 3_000) });
  if (kind === 'redis emptied') return { kind, at };
  if (kind === 'replies lost')
    return { kind, at, command: one(['evalsha', 'publish', 'lpush', 'xadd']), times: draw(1, 3) };
  if (kind === 'redis frozen' || kind === 'redis restarts' || kind === 'redis full')
    return { kind, at, forMs };
  return { kind, at, who, forMs };
}

/** Of all connections, or of those alone by which a process hears: of one that is called, where there is one. */
function cutOf(
  { at, who, forMs }: { at: number; who: string; forMs: number },
  names: readonly string[],
): Fault {
  if (at % 2 === 0) return { kind: 'cut', at, who };
  return { kind: 'cut in part', at, who: names.find((name) => name.startsWith('callee')) ?? who, forMs };
}

type DrawnKind = Exclude<Fault['kind'], 'redis fails over' | 'cut in part'>;

/** By a crash, or by a failover, which takes less time and loses less. */
function lossOf({ at, forMs, ms }: { at: number; forMs: number; ms: number }): Fault {
  if (at % 2 === 0) return { kind: 'redis goes back', at, forMs, backMs: ms };
  return { kind: 'redis fails over', at, forMs: Math.ceil(forMs / 10), behindMs: Math.ceil(ms / 4) };
}

const KINDS: readonly DrawnKind[] = [
  ...['kill', 'kill', 'kill', 'stop', 'freeze', 'freeze', 'hold', 'deaf', 'slow', 'skew', 'cut'],
  ...['redis frozen', 'redis restarts', 'redis full', 'redis goes back', 'redis emptied', 'replies lost'],
] as DrawnKind[];
