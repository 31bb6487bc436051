import { ELEMENT_BYTES, Value } from './value.js';

export interface Scored {
  readonly member: string;
  readonly score: number;
}

/** Members in the order of their scores, and of their bytes where scores are equal. */
export class SortedSetValue extends Value {
  readonly type = 'zset';
  private readonly scores = new Map<string, number>();
  private readonly order: Scored[] = [];

  get isEmpty(): boolean {
    return this.order.length === 0;
  }

  get size(): number {
    return this.order.length;
  }

  get sorted(): readonly Scored[] {
    return this.order;
  }

  score(member: string): number | undefined {
    return this.scores.get(member);
  }

  /** Whether the member is new. */
  set(member: string, score: number): boolean {
    const before = this.scores.get(member);
    if (before === score) return false;
    if (before !== undefined) this.takeOut(member, before);
    this.scores.set(member, score);
    this.order.splice(this.placeOf(member, score), 0, { member, score });
    if (before === undefined) this.grow(2 * ELEMENT_BYTES + member.length);
    return before === undefined;
  }

  delete(member: string): boolean {
    const score = this.scores.get(member);
    if (score === undefined) return false;
    this.takeOut(member, score);
    this.scores.delete(member);
    this.grow(-(2 * ELEMENT_BYTES + member.length));
    return true;
  }

  rank(member: string): number | undefined {
    const score = this.scores.get(member);
    return score === undefined ? undefined : this.placeOf(member, score);
  }

  /** The first place where this holds; it must hold for all places behind it too. */
  firstWhere(holds: (entry: Scored) => boolean): number {
    let [low, high] = [0, this.order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.order[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  copy(): SortedSetValue {
    const copy = new SortedSetValue();
    for (const { member, score } of this.order) copy.set(member, score);
    return copy;
  }

  private placeOf(member: string, score: number): number {
    return this.firstWhere(
      (entry) => entry.score > score || (entry.score === score && entry.member >= member),
    );
  }

  private takeOut(member: string, score: number): void {
    this.order.splice(this.placeOf(member, score), 1);
  }
}
