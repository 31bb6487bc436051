import type { RoleName } from '../actors/roles.js';
import type { Plan } from '../faults/plan.js';
import type { Fact } from '../world/ledger.js';

/** What a rule is checked against. */
export class Evidence {
  private readonly kinds = new Map<string, Fact[]>();
  private allFaults: readonly { readonly from: number; readonly to: number }[] | undefined;
  private readonly ofProcess = new Map<string, readonly Disturbance[]>();
  /** What Redis lost: everything that was written between these times. */
  readonly losses: readonly { readonly from: number; readonly to: number }[];
  /** When Redis, or its data, was not itself. */
  private readonly redisFaults: readonly { readonly from: number; readonly to: number }[];

  constructor(
    readonly plan: Plan,
    readonly facts: readonly Fact[],
  ) {
    for (const fact of facts) {
      const known = this.kinds.get(fact.kind);
      if (known) known.push(fact);
      else this.kinds.set(fact.kind, [fact]);
    }
    this.losses = this.all('data lost').map(({ at, from }) => ({ from: from as number, to: at }));
    this.redisFaults = facts
      .filter(({ who, kind }) => who === 'fault' && (kind.startsWith('redis') || kind === 'replies lost'))
      .map(({ at, forMs }) => ({ from: at, to: at + ((forMs as number | undefined) ?? 0) }));
  }

  /** Whether the world has a member of that role. */
  has(role: RoleName): boolean {
    return this.plan.members.some((member) => member.role === role);
  }

  all(kind: string): readonly Fact[] {
    return this.kinds.get(kind) ?? [];
  }

  /** Those of a kind, by their id. */
  byId(kind: string, name = 'id'): ReadonlyMap<string, readonly Fact[]> {
    return groupBy(this.all(kind), (fact) => String(fact[name]));
  }

  /** Whether what was written between these times may be gone, or back. */
  isTouchedByLoss(from: number, to: number): boolean {
    return this.losses.some((loss) => loss.from <= to && loss.to >= from);
  }

  /** Whether data that was there at a time was lost later, or what happened since then undone. */
  isUndoneAfter(at: number): boolean {
    return this.losses.some(({ to }) => to >= at);
  }

  redisWasDisturbed(from: number, to: number, graceMs = 0): boolean {
    return this.redisFaults.some((fault) => fault.from <= to && fault.to + graceMs >= from);
  }

  /** Whether something was done to a process between these times, or shortly before. */
  wasDisturbed(who: string, from: number, to: number, graceMs = 0): boolean {
    return this.disturbances(who).some((one) => one.from <= to && one.to + graceMs >= from);
  }

  wasKilled(who: string): boolean {
    return this.all('killed').some((fact) => fact.who === who);
  }

  /** Whether nothing was done to anybody between these times. */
  isWell(from: number, to: number): boolean {
    return from >= 0 && !this.faults.some((fault) => fault.from <= to && fault.to >= from);
  }

  private get faults(): readonly { readonly from: number; readonly to: number }[] {
    this.allFaults ??= this.facts
      .filter(({ who }) => who === 'fault')
      .map(({ at, forMs }) => ({ from: at, to: at + Number(forMs ?? 0) }));
    return this.allFaults;
  }

  /** Whether a process was frozen at any time between these. */
  wasFrozen(who: string, from: number, to: number): boolean {
    return this.disturbances(who).some((one) => one.kind === 'freeze' && one.from <= to && one.to >= from);
  }

  private disturbances(who: string): readonly Disturbance[] {
    const name = who.split('~')[0]!;
    const known = this.ofProcess.get(name);
    if (known) return known;
    // A wall clock that is off excuses nothing.
    const own = this.facts.filter(
      (fact) => fact.who === 'fault' && fact['of'] === name && fact.kind !== 'skew',
    );
    const found = own.map(({ kind, at, forMs }) => ({
      kind,
      from: at,
      to: at + ((forMs as number | undefined) ?? 0),
    }));
    this.ofProcess.set(name, found);
    return found;
  }
}

export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

interface Disturbance {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
}

/** A rule that the library keeps; it gives a sentence for each time it did not. */
export type Invariant = (evidence: Evidence) => readonly string[];
