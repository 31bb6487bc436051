import { ELEMENT_BYTES, Value } from './value.js';

const INTEGER = /^(0|-?[1-9]\d{0,14})$/;
/** Up to so many members Redis keeps a set of integers sorted. */
const MAX_SORTED = 512;

export class SetValue extends Value {
  readonly type = 'set';
  private readonly members = new Set<string>();

  get isEmpty(): boolean {
    return this.members.size === 0;
  }

  get size(): number {
    return this.members.size;
  }

  has(member: string): boolean {
    return this.members.has(member);
  }

  add(member: string): boolean {
    if (this.members.has(member)) return false;
    this.members.add(member);
    this.grow(ELEMENT_BYTES + member.length);
    return true;
  }

  delete(member: string): boolean {
    if (!this.members.delete(member)) return false;
    this.grow(-(ELEMENT_BYTES + member.length));
    return true;
  }

  list(): readonly string[] {
    const members = [...this.members];
    const isSorted = members.length <= MAX_SORTED && members.every((member) => INTEGER.test(member));
    return isSorted ? members.toSorted((a, b) => Number(a) - Number(b)) : members;
  }

  copy(): SetValue {
    const copy = new SetValue();
    for (const member of this.members) copy.add(member);
    return copy;
  }
}
